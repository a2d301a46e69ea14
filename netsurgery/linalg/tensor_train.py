"""A matrix as a train of small cores, its rows and columns numbered by several digits each.

Oseledets 2011 (TT-SVD); for weights of fully connected layers Novikov et al. 2015. With two cores
it is the sum of Kronecker products that is closest to the matrix (Van Loan and Pitsianis 1993).
"""

from __future__ import annotations

from math import prod
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.linalg.spectrum import lost_energy, singular_values
from netsurgery.linalg.svd import truncated_svd
from netsurgery.linalg.tradeoff import Energies

Digits = Tuple[int, ...]


class TensorTrain(NamedTuple):
    """Cores whose product is a matrix.

    Attributes:
        cores: Shape (rank before, rows, columns, rank behind) each, float32; the outer ranks are 1.
        error: ``||W - W'|| / ||W||`` (Frobenius).
    """

    cores: Tuple[np.ndarray, ...]
    error: float


def tensor_train_decomposition(
    matrix: np.ndarray, rows: Digits, columns: Digits, ranks: Sequence[int]
) -> TensorTrain:
    """Factor a matrix into as many cores as its rows and columns have digits.

    With two cores no others of that rank come closer; with more the error is at most the root of
    their number less one times the smallest possible.

    Args:
        matrix: Shape (prod(rows), prod(columns)).
        rows: The sizes of the digits of a row's number, the most significant first.
        columns: Those of a column's number.
        ranks: One for each place between two cores.

    Raises:
        ValueError: The sizes do not fit the matrix, a rank is not one from 1 to the full one, or
            an entry is NaN or Inf.
    """
    limits = full_ranks(rows, columns)
    if matrix.shape != (prod(rows), prod(columns)) or len(rows) != len(columns):
        raise ValueError(f"{rows} by {columns} does not make a matrix of {matrix.shape}")
    if len(ranks) != len(limits) or not all(1 <= r <= most for r, most in zip(ranks, limits)):
        raise ValueError(f"ranks {list(ranks)} are not from 1 to {list(limits)}")
    rest, before, cores = _interleaved(matrix, rows, columns), 1, []
    total = lost = 0.0
    for row, column, rank in zip(rows, columns, ranks):
        rest = rest.reshape(before * row * column, -1)
        rank = min(rank, *rest.shape)
        pair = truncated_svd(rest, rank)
        total = total or pair.squared_norm
        lost += pair.error**2 * pair.squared_norm
        cores.append(pair.left.reshape(before, row, column, rank))
        rest, before = pair.right, rank
    cores.append(rest.reshape(before, rows[-1], columns[-1], 1))
    return TensorTrain(tuple(cores), float(np.sqrt(lost / total)) if total else 0.0)


def kronecker_energies(matrix: np.ndarray, rows: Digits, columns: Digits) -> Energies:
    """Return what a sum of Kronecker products loses, by the number of its terms.

    Exact: it is the tail of the spectrum of the matrix rearranged so that each product is an outer
    one (Van Loan and Pitsianis 1993).

    Args:
        matrix: Shape (prod(rows), prod(columns)).
        rows: Two sizes, the outer factor's first.
        columns: Likewise.

    Raises:
        ValueError: An entry is NaN or Inf.
    """
    values = singular_values(_interleaved(matrix, rows, columns).reshape(rows[0] * columns[0], -1))
    return Energies((values,), lost_energy(values)[1:])


def multiply_out_tensor_train(cores: Sequence[np.ndarray]) -> np.ndarray:
    """Return the matrix whose train these are, in float64."""
    whole = np.ones((1, 1, 1))  # rows, columns, rank
    for core in cores:
        grown = np.einsum("ijr,rkls->ikjls", whole, core.astype(np.float64), optimize=True)
        rows, row, columns, column, rank = grown.shape
        whole = grown.reshape(rows * row, columns * column, rank)
    return whole[:, :, 0]


def full_ranks(rows: Digits, columns: Digits) -> Digits:
    """Return the ranks with which a train meets any matrix of that shape."""
    sizes = [row * column for row, column in zip(rows, columns)]
    return tuple(min(prod(sizes[:cut]), prod(sizes[cut:])) for cut in range(1, len(sizes)))


def balanced_digits(rows: int, columns: int) -> Tuple[Digits, Digits]:
    """Return two digits each whose cores are of the most similar size."""
    pairs = [(row, column) for row in _divisors(rows) for column in _divisors(columns)]

    def size(pair: Tuple[int, int]) -> Tuple[int, int]:
        first = pair[0] * pair[1]
        # Of equals, that which splits rows and columns the most alike.
        return first + rows * columns // first, max(pair)

    row, column = min(pairs, key=size)
    return (row, rows // row), (column, columns // column)


def _divisors(number: int) -> List[int]:
    return [one for one in range(1, number + 1) if number % one == 0]


def _interleaved(matrix: np.ndarray, rows: Digits, columns: Digits) -> np.ndarray:
    """The matrix with each digit of the rows beside its digit of the columns."""
    count = len(rows)
    order = [axis for digit in range(count) for axis in (digit, count + digit)]
    return matrix.reshape(*rows, *columns).transpose(order)
