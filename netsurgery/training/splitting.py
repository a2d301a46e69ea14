"""Which inputs train, which say when to stop, and which tell what was gained."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from netsurgery.calibration import Inputs
from netsurgery.errors import Remedy, RequestError
from netsurgery.training.draws import random_of

LEAST = 5
"""Fewer inputs cannot be split."""
MANY = 40
"""From so many inputs on, those that report on a training are not those that stop it."""
HELD_OUT, HELD_OUT_OF_FEW = 0.3, 0.25
STOPPING = 0.15
"""The share that stops where the inputs that report are others."""


class Split(NamedTuple):
    """Numbers of inputs, rising; int64.

    Attributes:
        train: They are trained on.
        stop: They say which net is the best, and when to stop.
        report: They tell what was gained; where inputs are few, those of ``stop``.
    """

    train: np.ndarray
    stop: np.ndarray
    report: np.ndarray

    @property
    def is_shared(self) -> bool:
        """Whether the part that stopped the training also reports on it."""
        return np.array_equal(self.stop, self.report)


def split(
    inputs: Inputs, share: Optional[float], seed: int, *, reported_elsewhere: bool = False
) -> Split:
    """Keep a part of the inputs aside: as large a share of each class, where there are labels.

    Args:
        inputs: The inputs.
        share: How much is kept aside; half of it stops, half of it reports. 0.3 if None, of fewer
            than 40 inputs 0.25, which stops and reports.
        seed: Of the draw.
        reported_elsewhere: Other inputs report: 0.15 are kept aside if ``share`` is None, all of
            them to stop, and ``report`` is empty.

    Raises:
        RequestError: There are too few inputs, or nothing is left to train on or kept aside.
    """
    count = len(inputs)
    if count < LEAST:
        raise RequestError(
            Remedy(f"{count} inputs in {{}} are too few to train and to judge by", "calibrate"),
            remedy=f"give {LEAST} or more",
        )
    apart = count >= MANY and not reported_elsewhere
    if share is None:
        usual = HELD_OUT if count >= MANY else HELD_OUT_OF_FEW
        share = STOPPING if reported_elsewhere else usual
    held = round(share * count) if 0 < share < 1 else 0
    if not 1 + apart <= held < count:
        raise RequestError(
            Remedy(f"{share:g} of {count} inputs in {{}} leaves one part empty", "hold_out"),
            remedy="give a share such as 0.3",
        )
    order = _mixed(inputs, seed)
    aside = _spread(order, held)
    train = np.sort(order[~aside])
    kept = order[aside]
    if not apart:
        stop = np.sort(kept)
        return Split(train, stop, np.empty(0, np.int64) if reported_elsewhere else stop)
    stopping = _spread(kept, len(kept) // 2)
    return Split(train, np.sort(kept[stopping]), np.sort(kept[~stopping]))


def _mixed(inputs: Inputs, seed: int) -> np.ndarray:
    """All numbers in a drawn order, those of one class behind each other."""
    order = random_of(seed, "split").permutation(len(inputs)).astype(np.int64)
    if inputs.labels is None:
        return order
    return order[np.argsort(inputs.labels[order], kind="stable")]


def _spread(order: np.ndarray, count: int) -> np.ndarray:
    """Which of them to take, so many, evenly: of each class its share, up to one."""
    steps = np.arange(len(order) + 1, dtype=np.int64) * count // len(order)
    return np.diff(steps) > 0
