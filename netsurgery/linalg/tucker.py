"""Tucker decomposition of a three-way array along its first and its last axis (Tucker-2).

Tucker 1966. The start is the higher-order SVD (De Lathauwer et al. 2000a); orthogonal iteration
(De Lathauwer et al. 2000b, HOOI) makes it better and never worse. After the first, a sweep takes
one power step towards either set of singular vectors and no eigensolver: more sweeps, in less time.
For convolutions: Kim et al. 2016.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.linalg.axes import leading_axes
from netsurgery.linalg.blocks import require_finite
from netsurgery.linalg.spectrum import singular_values

SWEEPS = 60
"""Most sweeps of HOOI. Kernels of trained nets settle sooner."""
SETTLED = 2e-5
"""Share of the energy below which what a sweep gains ends the iteration."""


class TuckerFactors(NamedTuple):
    """A three-way array as ``sum_rs outputs[:, r] core[r, :, s] inputs[:, s]``.

    Attributes:
        inputs: Shape (m, s), orthonormal columns, those first that take most of the norm.
        core: Shape (r, t, s).
        outputs: Shape (n, r), orthonormal columns, those first that take most of the norm.
        error: ``||T - T'|| / ||T||``: what the core lacks of the norm.
    """

    inputs: np.ndarray
    core: np.ndarray
    outputs: np.ndarray
    error: float


def tucker2(tensor: np.ndarray, ranks: Sequence[int]) -> TuckerFactors:
    """Approximate a three-way array by one of smaller rank along its last and its first axis.

    Args:
        tensor: Shape (n, t, m).
        ranks: Of the last axis, from 1 to m, and of the first, from 1 to n.

    Raises:
        ValueError: An entry is NaN or Inf.
    """
    tensor = _checked(tensor)
    few, many = ranks
    first, last = _along_first(tensor), _along_last(tensor)
    inputs = _leading(last, few)
    outputs = _leading((last.T @ inputs).reshape(len(first), -1), many)
    inputs = _leading((outputs.T @ first).reshape(-1, len(last)).T, few)
    core, energy, total = tensor, 0.0, _energy(tensor)
    for sweep in range(SWEEPS):
        if sweep:  # the core of the last sweep belongs to the bases that are returned
            inputs = _turned(inputs, (outputs.T @ first).reshape(-1, len(last)).T)
        halfway = (last.T @ inputs).reshape(len(first), -1)
        outputs = _turned(outputs, halfway)
        core, before = outputs.T @ halfway, energy
        energy = _energy(core)
        if energy - before <= SETTLED * total:
            break
    core = core.reshape(many, -1, few)
    lost = max(total - energy, 0.0)
    return TuckerFactors(
        *_sorted(inputs, core, outputs), float(np.sqrt(lost / total)) if total else 0.0
    )


def mode_values(tensor: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Return the singular values of a three-way array along its last and its first axis, falling.

    Args:
        tensor: Shape (n, t, m).

    Raises:
        ValueError: An entry is NaN or Inf.
    """
    tensor = _checked(tensor)
    return singular_values(_along_last(tensor)), singular_values(_along_first(tensor))


def higher_order_svd(tensor: np.ndarray) -> TuckerFactors:
    """Return a three-way array turned so that what comes first along its last and first axis is
    what takes most of the norm (De Lathauwer et al. 2000a).

    Cut to any two ranks it is where `tucker2` starts from, which then keeps no less.

    Args:
        tensor: Shape (n, t, m).

    Raises:
        ValueError: An entry is NaN or Inf.
    """
    tensor = _checked(tensor)
    inputs = _leading(_along_last(tensor), tensor.shape[2])
    outputs = _leading(_along_first(tensor), tensor.shape[0])
    core = np.tensordot(np.tensordot(outputs.T, tensor, 1), inputs, 1)
    return TuckerFactors(inputs, core, outputs, 0.0)


def kept_energies(tensor: np.ndarray) -> np.ndarray:
    """Return what the higher-order SVD keeps of ``||T||^2`` at every pair of ranks.

    `tucker2` keeps at least as much.

    Args:
        tensor: Shape (n, t, m).

    Returns:
        Shape (m, n): at [s - 1, r - 1] for ranks s of the last and r of the first axis.

    Raises:
        ValueError: An entry is NaN or Inf.
    """
    core = higher_order_svd(tensor).core
    energies = np.einsum("rts,rts->sr", core, core)
    found: np.ndarray = energies.cumsum(axis=0).cumsum(axis=1)
    return found


def _checked(tensor: np.ndarray) -> np.ndarray:
    tensor = np.ascontiguousarray(tensor, np.float64)
    require_finite(tensor.reshape(len(tensor), -1))
    return tensor


def _along_first(tensor: np.ndarray) -> np.ndarray:
    return tensor.reshape(len(tensor), -1)


def _along_last(tensor: np.ndarray) -> np.ndarray:
    return tensor.reshape(-1, tensor.shape[2]).T


def _leading(rows: np.ndarray, count: int) -> np.ndarray:
    """The leading left singular vectors, by way of the Gram matrix of the shorter side."""
    if count > rows.shape[1] or rows.shape[1] >= len(rows):
        return leading_axes(rows @ rows.T, count)
    return np.linalg.qr(rows @ leading_axes(rows.T @ rows, count))[0]


def _turned(basis: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Turn a basis towards the leading left singular vectors: it never holds less of the rows."""
    return np.linalg.qr(rows @ (rows.T @ basis))[0]


def _sorted(
    inputs: np.ndarray, core: np.ndarray, outputs: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn both bases within what they span, so that the leading columns come first."""
    last, first = _along_last(core), _along_first(core)
    few, many = leading_axes(last @ last.T, len(last)), leading_axes(first @ first.T, len(first))
    core = np.tensordot(np.tensordot(many.T, core, 1), few, 1)
    return inputs @ few, core, outputs @ many


def _energy(array: np.ndarray) -> float:
    return float(np.vdot(array, array))
