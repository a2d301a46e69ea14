"""Gram matrices, what rounding does to them, and their eigenvectors."""

from __future__ import annotations

import numpy as np
import pytest

from netsurgery.linalg import blocks
from netsurgery.linalg.gram import eigenpairs, gram, gram_of, rounding


def random(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("block_bytes", [64 << 20, 1000])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gram_fills_the_lower_triangle(monkeypatch, dtype, order, block_bytes):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    matrix = np.asarray(random((30, 70)), order=order)
    found = gram(matrix, dtype)
    assert found.dtype == dtype
    exact = matrix.astype(np.float64) @ matrix.astype(np.float64).T
    np.testing.assert_allclose(np.tril(found), np.tril(exact), atol=70 * np.finfo(dtype).eps * 9)


@pytest.mark.parametrize("mean", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("shape", [(300, 300), (200, 3000)])
def test_rounding_is_about_the_distance_from_the_exact_matrix(shape, mean):
    matrix = random(shape) + np.float32(mean)
    matrix *= np.linspace(0.5, 2, shape[0], dtype=np.float32)[:, None]
    found = gram(matrix, np.float32)
    exact = matrix.astype(np.float64) @ matrix.astype(np.float64).T
    distance = np.linalg.norm(np.tril(found - exact) + np.tril(found - exact, -1).T)
    # The certificate of truncated_svd counts the estimate double.
    assert 0.5 * distance < rounding(found, matrix) < 2 * distance


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("size", "count"), [(2, 1), (2, 2), (50, 7), (50, 20), (50, 50)])
def test_eigenpairs_are_those_of_the_largest_eigenvalues(dtype, size, count):
    matrix = gram(random((size, 70)), dtype)
    whole = np.tril(matrix) + np.tril(matrix, -1).T
    values, vectors = eigenpairs(matrix, count)
    expected = np.linalg.eigvalsh(whole.astype(np.float64))[::-1]
    # Proportional to the size, as the theory of both steps has it.
    close = 4 * size * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(values, expected[: count + 1], atol=close * expected[0])
    assert vectors.dtype == dtype
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(count), atol=close)
    np.testing.assert_allclose(whole @ vectors, vectors * values[:count], atol=close * expected[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(20))
def test_equal_eigenvalues_are_not_missed(dtype, seed):
    # LAPACK's bisection loses count of the eigenvalues of some matrices like these.
    size = 20 + seed
    turned = np.linalg.qr(random((size, size), np.float64, seed))[0].astype(dtype)
    values, vectors = eigenpairs(gram(turned, dtype), 2)
    close = 4 * size * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(values, np.ones(3), atol=close)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(2), atol=close)


@pytest.mark.parametrize("block_bytes", [64 << 20, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gram_of_fills_both_triangles_in_float64(monkeypatch, dtype, block_bytes):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    matrix = random((30, 70), dtype)
    found = gram_of(matrix)
    exact = matrix.astype(np.float64) @ matrix.astype(np.float64).T
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found, exact, atol=70 * np.finfo(np.float64).eps * 9)


def test_gram_of_refuses_what_is_not_finite():
    matrix = random((3, 4))
    matrix[1, 2] = np.inf
    with pytest.raises(ValueError, match=r"the first at \(1, 2\)"):
        gram_of(matrix)
