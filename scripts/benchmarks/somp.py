"""Figure 4: SOMP on the Gram matrix, beside SOMP that refits by least squares at every step."""

from __future__ import annotations

import statistics
import time
from typing import Callable

import numpy as np

from benchmarks.setting import Figure, Setting, say
from netsurgery.linalg.gram import gram_of
from netsurgery.linalg.selection import select

LAYER = "conv5_1"
Choice = Callable[[np.ndarray, int], np.ndarray]

COLUMNS = ("", "time", "error of the reconstruction")


def measure(setting: Setting) -> Figure:
    """Keep half the rows of a layer both ways, from the same weights."""
    matrix = _weights(setting)
    rows, columns = matrix.shape
    keep = rows // 2
    say(f"choosing {keep} rows of {rows} x {columns}, {setting.repeats} times")
    ours = [_timed(_by_gram, matrix, keep) for _ in range(setting.repeats)]
    say("choosing them by refitting, which takes minutes")
    order, seconds = _timed(_by_refitting, matrix, keep)
    times = [each for _, each in ours]
    median, found = statistics.median(times), ours[0][0]
    same = bool(np.array_equal(found, order))
    table = [
        ("on the Gram matrix", f"{median:.3f} s", f"{_error(matrix, found):.6f}"),
        ("refitting at every step", f"{seconds:.1f} s", f"{_error(matrix, order):.6f}"),
    ]
    notes = [
        f"**{seconds / median:.0f} times faster, {'the same' if same else 'OTHER'} rows in the "
        f"same order.** The median of {len(times)} runs ({min(times):.3f} to {max(times):.3f} s), "
        "the Gram matrix included, beside one run of all steps. Each of those solves a least "
        "squares problem by a QR factorisation (LAPACK's gelsy) and correlates what it leaves."
    ]
    numbers = {"ours": times, "refitting": seconds, "same": same, "rows": rows, "keep": keep}
    return Figure(f"SOMP: {keep} rows of {rows} x {columns}", COLUMNS, table, notes, numbers)


def _weights(setting: Setting) -> np.ndarray:
    layers = setting.model.weights()
    weights = next(values for name, _, values, _ in layers if name == LAYER)
    return weights.reshape(len(weights), -1)


def _by_gram(matrix: np.ndarray, keep: int) -> np.ndarray:
    return select(gram_of(matrix), keep, "l1").order


def _by_refitting(matrix: np.ndarray, keep: int) -> np.ndarray:
    """SOMP as Tropp, Gilbert and Strauss 2006 write it down."""
    from scipy.linalg import lstsq

    matrix = matrix.astype(np.float64)
    atoms = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    rest, chosen = matrix, []
    for _ in range(keep):
        likeness = np.abs(rest @ atoms.T).sum(axis=0)
        likeness[chosen] = -1
        chosen.append(int(likeness.argmax()))
        rows = matrix[chosen].T
        fit = lstsq(rows, matrix.T, lapack_driver="gelsy", check_finite=False)[0]
        rest = matrix - (rows @ fit).T
    return np.array(chosen)


def _error(matrix: np.ndarray, rows: np.ndarray) -> float:
    """Relative, in the Frobenius norm, of all rows from these by least squares."""
    basis = np.linalg.qr(matrix[rows].T.astype(np.float64))[0]
    rest = matrix - (matrix @ basis) @ basis.T
    return float(np.linalg.norm(rest) / np.linalg.norm(matrix))


def _timed(choose: Choice, matrix: np.ndarray, keep: int) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    order = choose(matrix, keep)
    return order, time.perf_counter() - start
