"""Leading eigenvectors by iteration, against LAPACK in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from netsurgery.linalg import blocks, subspace, svd
from netsurgery.linalg.subspace import leading_pairs
from netsurgery.linalg.svd import truncated_svd

TOLERANCE = 1e-4
SIZE = 320
SPECTRA = {
    "flat": lambda size: np.linspace(1.0, 0.3, size),
    "noise": lambda size: (1 + 0.4 * np.cos(np.linspace(0, np.pi, size))) ** 2,
    "decaying": lambda size: (1.0 + np.arange(size)) ** -0.5,
    "falling": lambda size: (1.0 + np.arange(size)) ** -1.2,
    "one large": lambda size: np.concatenate([[300.0], np.linspace(1.0, 0.5, size - 1)]),
    "a gap": lambda size: np.where(np.arange(size) < size // 8, 1.0, 0.1),
    "a gap behind": lambda size: np.where(np.arange(size) < size // 4, 1.0, 0.1),
    "equal": np.ones,
    "pairs": lambda size: np.repeat(np.linspace(1.0, 0.3, size // 2), 2),
}


@pytest.fixture(autouse=True)
def small_matrices_too(monkeypatch):
    monkeypatch.setattr(subspace, "SMALLEST", 8)
    monkeypatch.setattr(subspace, "_FEWEST_SPARE", 8)


def symmetric(values: np.ndarray, dtype: type, seed: int = 0) -> np.ndarray:
    """A matrix with these eigenvalues."""
    size = len(values)
    turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]
    matrix = (turn * values) @ turn.T
    return np.ascontiguousarray((matrix + matrix.T) / 2, dtype)


def excess(matrix: np.ndarray, vectors: np.ndarray) -> float:
    """How much more than the optimum the vectors leave, as a share of it."""
    exact, count = matrix.astype(np.float64), vectors.shape[1]
    basis = np.linalg.qr(vectors.astype(np.float64))[0]
    optimum = np.linalg.eigvalsh(exact)[: len(exact) - count].sum()
    return (np.trace(exact) - np.trace(basis.T @ exact @ basis)) / optimum - 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_vectors_leave_hardly_more_than_the_optimum(spectrum, dtype):
    values = SPECTRA[spectrum](SIZE)
    matrix, count = symmetric(values, dtype), SIZE // 8
    found = leading_pairs(matrix, count, TOLERANCE)
    assert found is not None
    # The estimate of what is missing is of second order: it may fall short by half.
    assert excess(matrix, found.vectors) < 1.5 * TOLERANCE
    rounding = 50 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(count), atol=rounding)
    assert found.values.shape == (count + 1,)
    assert (np.diff(found.values) <= 0).all()
    above = found.values - np.sort(values)[::-1][: count + 1]
    assert above.max() <= found.missed + rounding * values.max()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 30),
    st.lists(st.floats(1e-3, 1.0), min_size=2, max_size=6),
)
def test_what_is_missing_is_told_for_any_spectrum(seed, count, bends):
    size = 160
    values = np.interp(np.linspace(0, 1, size), np.linspace(0, 1, len(bends)), sorted(bends)[::-1])
    matrix = symmetric(values, np.float64, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subspace, "SMALLEST", 8)
        patch.setattr(subspace, "_FEWEST_SPARE", 8)
        found = leading_pairs(matrix, count, TOLERANCE)
    # Where values hardly fall behind the last, iteration gives up and LAPACK does it.
    assume(found is not None)
    # Of second order again; of a single vector nothing averages out (1.52 was drawn).
    assert excess(matrix, found.vectors) < (1.5 if count > 1 else 2.0) * TOLERANCE


@pytest.mark.parametrize("rank", [0, 3, 12])
def test_what_leaves_nothing_is_left_to_lapack(rank):
    values = np.where(np.arange(SIZE) < rank, 2.0, 0.0)
    assert leading_pairs(symmetric(values, np.float32), 40, TOLERANCE) is None


def test_too_many_are_left_to_lapack():
    assert leading_pairs(symmetric(np.ones(SIZE), np.float32), SIZE // 2, TOLERANCE) is None


def test_it_is_the_same_each_time():
    matrix = symmetric(SPECTRA["flat"](SIZE), np.float32)
    first, second = (leading_pairs(matrix, 40, TOLERANCE) for _ in range(2))
    assert first is not None
    assert second is not None
    assert np.array_equal(first.vectors, second.vectors)


@pytest.mark.parametrize("columns", ["near", "far"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_basis_is_orthonormal_whether_columns_are_near_each_other_or_not(columns, dtype):
    block = np.random.default_rng(0).standard_normal((200, 40))
    if columns == "near":
        block[:, 1:] = block[:, :1] + 1e-3 * block[:, 1:]
    found = subspace._orthonormal(block.astype(dtype), passes=2)
    close = 20 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(found.T @ found, np.eye(40), atol=close)
    left = block - found @ (found.T @ block)
    assert np.linalg.norm(left) < close * np.linalg.norm(block)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_a_matrix_is_factored_by_iteration_as_well_as_it_can_be(monkeypatch, spectrum):
    """By Eckart and Young; a matrix for which float32 is not enough goes through float64."""
    monkeypatch.setattr(blocks, "SMALL", 0)
    generator = np.random.default_rng(0)
    values = SPECTRA[spectrum](SIZE)
    left = np.linalg.qr(generator.standard_normal((SIZE, SIZE)))[0]
    right = np.linalg.qr(generator.standard_normal((500, SIZE)))[0]
    matrix = ((left * values) @ right.T).astype(np.float32)
    count = SIZE // 8
    pair = truncated_svd(matrix, count)
    product = pair.left.astype(np.float64) @ pair.right
    error = np.linalg.norm(matrix - product) / np.linalg.norm(matrix)
    exact = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    optimum = np.linalg.norm(exact[count:]) / np.linalg.norm(exact)
    assert error <= svd.SUBOPTIMALITY * optimum
    assert pair.error == pytest.approx(error, rel=1e-5)
    assert pair.optimum == pytest.approx(optimum, rel=svd.SUBOPTIMALITY - 1)
