"""How much each number of a detector counts: as much as its teacher sees something there.

Nearly all that a detector says is that there is nothing. A loss that takes all numbers alike is one
of background, and of boxes that nobody asks for.
"""

from __future__ import annotations

from math import prod
from typing import Mapping, Optional

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.network import CORNERS, Detector, Shape, Value
from netsurgery.planning import BoxDistance, ScoreDistance

SURELY = 0.05
"""The score from which on there may be something, as far as scores are concerned."""
LEAST = 0.01
"""The score from which on a box counts, where the net does not say from which it tells of one."""
EVERYWHERE = 0.1
"""How much a score counts where there is nothing, beside one where there is something."""


def sighting_weights(
    detector: Detector, scores: np.ndarray, shape: Shape, *, counts_everywhere: bool
) -> np.ndarray:
    """Return how much numbers count: the square of a weight is a share in the loss.

    Boxes count as surely as there is something of any class; where each class has a box of its own,
    of that class.

    Args:
        detector: Says how scores are read.
        scores: The scores that it gave.
        shape: The shape of the numbers.
        counts_everywhere: They are scores, which count a little where there is nothing.

    Returns:
        float32, one for each place, or for each class at each place; see `spread_weights`.

    Raises:
        NetworkError: The numbers do not belong to these scores.
    """
    least = SURELY if counts_everywhere else max(detector.least, LEAST)
    read = ScoreDistance(detector.scores, detector.classes, detector.axis)
    arrays: Mapping[Value, np.ndarray] = {detector.scores: scores}
    seen = BoxDistance(detector.boxes[0], read, detector.background, least).seen(arrays)
    each, rest = divmod(prod(shape), len(seen))
    if rest or not each:
        raise NetworkError(f"numbers of shape {shape} do not belong to {len(seen)} scores")
    if counts_everywhere:
        return np.sqrt(EVERYWHERE + (seen.sum(axis=1) > 0)).astype(np.float32)
    per_class = detector.classes > 1 and each == CORNERS * detector.classes
    return np.sqrt(seen.ravel() if per_class else seen.sum(axis=1)).astype(np.float32)


def spread_weights(weights: np.ndarray, shape: Shape, axis: Optional[int]) -> np.ndarray:
    """Return the weight of every number.

    Args:
        weights: Of places, flat, see `sighting_weights`.
        shape: The shape of the numbers.
        axis: Along which the numbers of a place lie; None: they are the inner part of the last.
    """
    each = prod(shape) // len(weights)
    spread = np.repeat(weights, each)
    if axis is None:
        return spread.reshape(shape)
    moved = (*shape[:axis], *shape[axis + 1 :], shape[axis])
    return np.moveaxis(spread.reshape(moved), -1, axis)
