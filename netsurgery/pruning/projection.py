"""Weights that are kept to a bound of non-zeros while a net is trained (Collins and Kohli 2014)."""

from __future__ import annotations

from typing import Dict, List, Optional

import numpy as np

from netsurgery.calibration import Calibrator, closed_behind
from netsurgery.engine import TrainingSession
from netsurgery.network import Masks, Model
from netsurgery.progress import Progress, silent
from netsurgery.pruning.gradual import present_model
from netsurgery.pruning.masking import Masking
from netsurgery.pruning.schedule import EVERY

SETTLED = 0.75
"""The share of the steps after which what is zero stays so."""


class ProjectedSparsity:
    """Sets all but so many weights of a net in training to zero, again and again.

    Training goes on from there with all weights, so that what became zero may grow, and push
    something else below the bound: steps of the solver alternate with projections onto the nets
    that keep to the bound, those of an L0 ball where the saliency is magnitude. Behind `SETTLED` of
    the steps the weights that are zero are held there, and the others trained.

    Attributes:
        settled_at: The iteration before which the last projection is made, which holds.
    """

    def __init__(
        self,
        model: Model,
        masking: Masking,
        sparsity: float,
        steps: int,
        calibrator: Optional[Calibrator] = None,
        progress: Progress = silent,
    ) -> None:
        """Take what is needed.

        Args:
            model: The net before training.
            masking: Which weights may become zero, and by what.
            sparsity: The share of them that has to be zero.
            steps: Iterations of the whole training.
            calibrator: Runs inputs, for a saliency that looks at what the net computes.
            progress: Told how far long work of a saliency is.
        """
        self._model, self._masking, self._calibrator = model, masking, calibrator
        self._progress = progress
        self._sparsity, self._steps = sparsity, steps
        self.settled_at = max(1, int(SETTLED * steps))
        self._apart = max(1, min(EVERY, self.settled_at // 2))

    def next_at(self, iteration: int) -> int:
        """Return the first iteration from this one on before which it projects."""
        if iteration > self.settled_at:
            return max(iteration, self._steps) + 1
        return min(-(-iteration // self._apart) * self._apart, self.settled_at)

    def before(self, iteration: int, session: TrainingSession) -> None:
        """Project; the last time for good."""
        held: Masks = session.masks
        now = present_model(self._model, session, self._masking)
        with closed_behind(self._calibrator):
            net = self._masking.net(now, held, self._calibrator, self._progress)
            chosen = self._masking.masks(net, self._sparsity)
        if iteration >= self.settled_at:
            session.set_masks({**held, **chosen})
        else:
            session.set_parameters(_projected(session, chosen))


def _projected(session: TrainingSession, chosen: Masks) -> Dict[str, List[np.ndarray]]:
    """The arrays of the layers that masks are of, with zeros where these are closed."""
    arrays = session.parameters(dict.fromkeys(name for name, _ in chosen))
    for (name, index), mask in chosen.items():
        array = arrays[name][index]
        arrays[name][index] = np.where(mask.reshape(array.shape), array, np.float32(0))
    return arrays
