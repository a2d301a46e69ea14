"""Which weights stay when the least of them are to become zero."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

WEIGHTS, KERNELS, ROWS, COLUMNS, WITHIN = "weights", "kernels", "rows", "columns", "within"
_WORDS = (WEIGHTS, KERNELS, ROWS, COLUMNS)
_WITHIN = re.compile(r"([0-9]+):([0-9]+)")


@dataclass(frozen=True)
class Pattern:
    """What goes or stays together.

    Attributes:
        kind: ``"weights"``: each for itself. ``"kernels"``: all taps of an output with an input.
            ``"rows"``: all that makes an output. ``"columns"``: all that reads an input.
            ``"within"``: of so many that follow each other along a row, so many stay (N:M; Mishra
            et al. 2021).
        keep: N of N:M.
        of: M of N:M.
    """

    kind: str = WEIGHTS
    keep: int = 0
    of: int = 0

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read ``weights``, ``kernels``, ``rows``, ``columns`` or ``N:M``, such as ``2:4``.

        Raises:
            ValueError: It is none of them.
        """
        if text in _WORDS:
            return cls(text)
        found = _WITHIN.fullmatch(text)
        keep, of = map(int, found.groups()) if found else (0, 0)
        if not 0 < keep < of:
            raise ValueError(f"{text!r} is none of {', '.join(_WORDS)}, nor N:M with N below M")
        return cls(WITHIN, keep, of)

    @property
    def sparsity(self) -> float:
        """The share that it closes, where it says that itself; else 0."""
        return 1 - self.keep / self.of if self.kind == WITHIN else 0.0

    def __str__(self) -> str:
        return f"{self.keep}:{self.of}" if self.kind == WITHIN else self.kind


def choose_open(
    scores: Sequence[np.ndarray], sparsity: float, pattern: Pattern, together: bool
) -> List[np.ndarray]:
    """Return which weights stay, so that the least of them go.

    A unit of a pattern counts by the mean of its scores. Of equal ones the first stay. No layer is
    emptied: its best unit stays.

    Args:
        scores: Of each layer, the shape of its weights, outputs first: the lower the sooner it
            goes. ``-inf``: it is gone already.
        sparsity: Share of the weights to close, from 0 to 1; it is met to half a unit, above where
            more are gone already, below where layers would be emptied. N:M closes what it says.
        pattern: What goes together.
        together: Whether the least of all layers go, or those of each.

    Returns:
        For each layer a boolean array, True for what stays.

    Raises:
        ValueError: The share is none, is not the one of an N:M pattern, or a score is NaN.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"a sparsity of {sparsity:g} is not between 0 and 1")
    if any(np.isnan(one).any() for one in scores):
        raise ValueError("a score is NaN")
    if pattern.kind == WITHIN:
        if abs(sparsity - pattern.sparsity) > 1e-9:
            raise ValueError(f"{pattern} closes {pattern.sparsity:g}, not {sparsity:g}")
        return [_within(one, pattern) for one in scores]
    units = [_units(one, pattern) for one in scores]
    chosen = _best(units, sparsity) if together else [_best([one], sparsity)[0] for one in units]
    return [
        np.broadcast_to(stays.reshape(unit.shape), one.shape) & (one > -np.inf)
        for stays, unit, one in zip(chosen, (found.means for found in units), scores)
    ]


@dataclass(frozen=True, eq=False)
class _Units:
    """The units of a layer: their mean scores, of a shape that spreads to the layer's."""

    means: np.ndarray
    size: int


def _units(scores: np.ndarray, pattern: Pattern) -> _Units:
    axes: Tuple[int, ...] = {
        WEIGHTS: (),
        KERNELS: tuple(range(2, scores.ndim)),
        ROWS: tuple(range(1, scores.ndim)),
        COLUMNS: (0, *range(2, scores.ndim)),
    }[pattern.kind]
    means = scores.astype(np.float64)
    if axes:
        gone = scores == -np.inf
        weighed = np.where(gone, 0.0, means).mean(axes, keepdims=True)
        means = np.where(gone.all(axes, keepdims=True), -np.inf, weighed)
    return _Units(means, scores.size // means.size)


def _best(units: Sequence[_Units], sparsity: float) -> List[np.ndarray]:
    """The units of several layers that stay, each flat."""
    flat = [one.means.reshape(-1) for one in units]
    sizes = np.concatenate([np.full(one.size, unit.size) for one, unit in zip(flat, units)])
    every = np.concatenate(flat)
    firsts = np.cumsum([0, *(one.size for one in flat)])
    safe = [first + int(np.argmax(one)) for first, one in zip(firsts, flat)]
    order = np.argsort(-every, kind="stable")
    order = np.concatenate([safe, order[~np.isin(order, safe)]]).astype(np.int64)
    wanted = round((1 - sparsity) * sizes.sum())
    covered = np.cumsum(sizes[order])
    # the count whose weights are nearest to what is wanted
    count = int(np.searchsorted(covered - sizes[order] / 2, wanted, side="left"))
    stays = np.zeros(every.size, bool)
    stays[order[: max(count, len(safe))]] = True
    stays &= every > -np.inf
    return np.split(stays, firsts[1:-1])


def _within(scores: np.ndarray, pattern: Pattern) -> np.ndarray:
    """N of M along each row; of what is left at its end as large a share, rounded up."""
    rows = scores.reshape(len(scores), -1)
    stays = np.zeros(rows.shape, bool)
    for start in range(0, rows.shape[1], pattern.of):
        group = rows[:, start : start + pattern.of]
        keep = -(-pattern.keep * group.shape[1] // pattern.of)
        best = np.argsort(-group, axis=1, kind="stable")[:, :keep]
        np.put_along_axis(stays[:, start : start + pattern.of], best, True, axis=1)
    return (stays & (rows > -np.inf)).reshape(scores.shape)
