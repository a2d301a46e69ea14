"""Weights that close step by step while the others are trained."""

from __future__ import annotations

from typing import Optional

from netsurgery.calibration import Calibrator, closed_behind
from netsurgery.criteria import WEIGHTS
from netsurgery.engine import TrainingSession
from netsurgery.network import Masks, Model
from netsurgery.progress import Progress, silent
from netsurgery.pruning.masking import Masking
from netsurgery.pruning.schedule import CubicRamp
from netsurgery.training import deployed_model


class GradualPruning:
    """Closes more and more weights of a net in training, by a cubic ramp (Zhu and Gupta 2017).

    What is closed stays closed. Which weights close next is told by the net as it then is, so a
    run that goes on from a state closes the same.

    Attributes:
        settled_at: The iteration before which the last ones close.
    """

    def __init__(
        self,
        model: Model,
        masking: Masking,
        ramp: CubicRamp,
        calibrator: Optional[Calibrator] = None,
        progress: Progress = silent,
    ) -> None:
        """Take what is needed.

        Args:
            model: The net before training.
            masking: Which weights close, and by what.
            ramp: How many, and when.
            calibrator: Runs inputs, for a saliency that looks at what the net computes.
            progress: Told how far long work of a saliency is.
        """
        self._model, self._masking, self._ramp = model, masking, ramp
        self._calibrator, self._progress = calibrator, progress
        self.settled_at = ramp.last

    def next_at(self, iteration: int) -> int:
        """Return the first iteration from this one on before which more weights close."""
        return self._ramp.next_at(iteration)

    def before(self, iteration: int, session: TrainingSession) -> None:
        """Close what is to be closed from here on."""
        held: Masks = session.masks
        now = present_model(self._model, session, self._masking)
        with closed_behind(self._calibrator):
            net = self._masking.net(now, held, self._calibrator, self._progress)
            chosen = self._masking.masks(net, self._ramp.at(iteration))
        session.set_masks({**held, **chosen})


def present_model(
    model: Model, session: TrainingSession, masking: Masking, hidden: bool = False
) -> Model:
    """Return a model with the numbers that it has come to in training.

    Args:
        model: The net before.
        session: Trains it.
        masking: What looks at the model: where weights tell it all, only those that may close are
            asked for.
        hidden: Whether also what stands under dynamic masks.

    Raises:
        EngineError: A layer whose weights may close is not trained.
    """
    names = list(dict.fromkeys(name for name, _ in masking.keys))
    if masking.saliency.needs != WEIGHTS:
        names += [
            name
            for name, shapes in session.parameter_shapes.items()
            if name not in names and len(model.blobs(name)) == len(shapes)
        ]
    return deployed_model(model, session.parameters(names, hidden))
