"""What is left of a linear map when its input first passes a narrower one, whatever follows."""

from __future__ import annotations

import numpy as np

_JITTER = 1e-9
"""Share of the mean square of what passes that keeps apart what is linearly dependent."""


_ALL = 1.0 - 1e-6
"""Share of the energy beyond which nothing is left to explain."""


def explained(made: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Return how much of the energy of what a map makes least squares get back from what passes.

    With only the first numbers that pass as well: a Cholesky factor serves all of them.

    Args:
        made: What it makes of k rows, shape (n, k).
        passed: What passes of them, shape (r, k).

    Returns:
        Share of the energy with the first number, the first two, and so on; shape (r,).
    """
    from scipy.linalg import solve_triangular

    made, count = np.asarray(made, np.float64), made.shape[1]
    whole = float(np.square(made).sum())
    if whole <= 0.0:
        return np.ones(len(passed))
    if len(passed) > count:
        # Of as many numbers as rows all can be made, if these do not depend on each other.
        found = explained(made, passed[:count])
        if found[-1] >= _ALL:
            return np.append(found, np.full(len(passed) - count, found[-1]))
    passed = np.asarray(passed, np.float64)
    square = passed @ passed.T
    square[np.diag_indices_from(square)] += (
        _JITTER * max(float(np.trace(square)), 1e-300) / len(square)
    )
    turned = solve_triangular(np.linalg.cholesky(square), passed @ made.T, lower=True)
    return np.minimum(np.cumsum(np.square(turned).sum(axis=1)) / whole, 1.0)
