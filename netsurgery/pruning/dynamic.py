"""Weights that close while a net is trained, and may come back (Guo et al. 2016)."""

from __future__ import annotations

from typing import Dict, Mapping, Optional

import numpy as np

from netsurgery.calibration import Calibrator, closed_behind
from netsurgery.engine import MaskMode, TrainingSession
from netsurgery.network import Masks, Model, ParameterKey
from netsurgery.progress import Progress, silent
from netsurgery.pruning.gradual import present_model
from netsurgery.pruning.masking import Masking
from netsurgery.pruning.schedule import RAMP, CubicRamp
from netsurgery.training import random_of

SETTLED = 0.75
"""The share of the steps after which masks stay as they are."""
BELOW, ABOVE = 0.9, 1.1
"""A weight closes below so many times the threshold, and opens above so many: in between it stays
what it is."""
DECAY = 1e-4
"""How fast masks are looked at less often: at a step with the probability 1 / (1 + DECAY step)."""
EVERY = 10
"""Steps from one look at the masks to the next at least, as scores cost more than small steps."""


class DynamicSurgery:
    """Closes weights of a net in training, and opens those again that turn out to matter.

    The net runs without what is closed, and the gradient found there moves all weights, also those
    that are closed. The share that is closed rises by a cubic ramp; behind `SETTLED` of the steps
    exactly the share that is asked for is held at zero.

    Attributes:
        settled_at: The iteration before which masks change for the last time.
    """

    def __init__(
        self,
        model: Model,
        masking: Masking,
        ramp: CubicRamp,
        masks: Optional[Masks] = None,
        calibrator: Optional[Calibrator] = None,
        progress: Progress = silent,
    ) -> None:
        """Take what is needed.

        Args:
            model: The net before training.
            masking: Which weights may close, and by what; each for itself.
            ramp: The share to close in the end, the share before, and the steps of the training.
            masks: What is closed before, and never opens.
            calibrator: Runs inputs, for a saliency that looks at what the net computes.
            progress: Told how far long work of a saliency is.
        """
        self._model, self._masking, self._calibrator = model, masking, calibrator
        self._progress = progress
        self._held: Masks = dict(masks or {})
        self._steps = ramp.steps
        self.settled_at = max(1, int(SETTLED * ramp.steps))
        self._ramp = CubicRamp(ramp.sparsity, self.settled_at, ramp.start, RAMP, every=1)

    def next_at(self, iteration: int) -> int:
        """Return the first iteration from this one on before which masks may change."""
        if iteration > self.settled_at:
            return max(iteration, self._steps) + 1
        place = max(1, -(-iteration // EVERY)) * EVERY  # nothing closes at 0
        while place < self.settled_at:
            if self._looks_at(place):
                return place
            place += EVERY
        return self.settled_at

    def before(self, iteration: int, session: TrainingSession) -> None:
        """Close and open weights; the last time close exactly those that are to be closed."""
        now = present_model(self._model, session, self._masking, hidden=True)
        with closed_behind(self._calibrator):
            net = self._masking.net(now, self._held, self._calibrator, self._progress)
            scores = self._masking.saliency.ranking(net, self._masking.together)
            chosen = self._masking.chosen(net.model, scores, self._ramp.at(iteration))
        if iteration >= self.settled_at:
            session.set_masks({**session.masks, **chosen}, MaskMode.HELD)
            return
        moved = with_hysteresis(scores, chosen, session.masks, self._masking.together)
        session.set_masks({**session.masks, **moved}, MaskMode.DYNAMIC)

    def _looks_at(self, iteration: int) -> bool:
        draw = random_of(self._masking.seed, "dynamic surgery", iteration).random_sample()
        return bool(draw < 1 / (1 + DECAY * iteration))


def with_hysteresis(
    scores: Mapping[ParameterKey, np.ndarray],
    chosen: Masks,
    before: Masks,
    together: bool,
) -> Dict[ParameterKey, np.ndarray]:
    """Return masks that close and open only what is clearly below and above the threshold.

    Args:
        scores: Of each weight; ``-inf`` for what never opens.
        chosen: The masks without regard to what was before, which tell the threshold.
        before: The masks as they were; what has none was open.
        together: Whether one threshold holds for all layers.
    """
    least = {key: float(scores[key][mask].min(initial=np.inf)) for key, mask in chosen.items()}
    lowest = min(least.values())
    found = {}
    for key, mask in chosen.items():
        threshold = lowest if together else least[key]
        score, old = scores[key], before.get(key, np.True_)
        moved = np.where(score < BELOW * threshold, False, (score > ABOVE * threshold) | old)
        moved &= score > -np.inf
        found[key] = moved if moved.any() else mask  # no layer is emptied
    return found
