"""Residuals and spectral norms against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from netsurgery.linalg import Factored, blocks, distance_of_fitted, residual
from netsurgery.linalg.svd import relative_residual, spectral_norm, truncated_svd


@pytest.fixture(params=[64 << 20, 1024], ids=["one block", "many blocks"], autouse=True)
def block_size(request, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_BYTES", request.param)


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(30, 50), (50, 30)])
def test_relative_residual_is_the_ratio_of_norms(shape):
    matrix, left, right = random(shape), random((shape[0], 4), 1), random((4, shape[1]), 2)
    apart = matrix.astype(np.float64) - left.astype(np.float64) @ right.astype(np.float64)
    expected = np.linalg.norm(apart) / np.linalg.norm(matrix.astype(np.float64))
    assert relative_residual(matrix, left, right) == pytest.approx(expected, rel=1e-12)


def test_relative_residual_sees_below_float32():
    left, right = random((30, 4)).astype(np.float64), random((4, 50)).astype(np.float64)
    assert relative_residual(left @ right, left, right) < 1e-15


@pytest.mark.parametrize("share", [1.0, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_large_float32_matrices_are_measured_as_well(monkeypatch, shape, share):
    """To what float32 products allow, and in float64 where they do not."""
    exact = relative_residual(*(parts := low_rank_plus_noise(shape, share)))
    monkeypatch.setattr(blocks, "SMALL", 0)
    dtypes, apart = [], residual._apart
    monkeypatch.setattr(residual, "_apart", lambda *all_: dtypes.append(all_[3]) or apart(*all_))
    # The products' rounding, 1e-6 at most, is at right angles to what is apart: 1e-6 of 1e-3.
    assert relative_residual(*parts) == pytest.approx(exact, rel=2e-6)
    assert dtypes == [np.float32] if share > 1e-3 else [np.float32, np.float64]


def low_rank_plus_noise(shape, share):
    left, right, noise = random((shape[0], 4)), random((4, shape[1]), 1), random(shape, 2)
    product = (left.astype(np.float64) @ right).astype(np.float32)
    return (product + np.float32(share) * noise).astype(np.float32), left, right


def test_relative_residual_of_zeros():
    zero, one = np.zeros((3, 4)), np.ones((3, 1))
    assert relative_residual(zero, 0 * one, np.ones((1, 4))) == 0.0
    assert relative_residual(zero, one, np.ones((1, 4))) == float("inf")


def test_relative_residual_leaves_its_arguments_alone():
    matrix = random((30, 50)).astype(np.float64)
    before = matrix.copy()
    relative_residual(matrix, random((30, 4)), random((4, 50)))
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize(("left", "right"), [((30, 4), (5, 50)), ((31, 4), (4, 50))])
def test_relative_residual_refuses_shapes_that_do_not_fit(left, right):
    with pytest.raises(ValueError, match=r"does not give \(30, 50\)"):
        relative_residual(random((30, 50)), random(left), random(right))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(30, 50), (50, 30), (1, 9), (9, 1)])
def test_spectral_norm_is_the_largest_singular_value(shape, dtype):
    matrix = random(shape).astype(dtype)
    assert spectral_norm(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-3)


def test_spectral_norm_of_what_truncation_loses_is_the_next_singular_value():
    matrix = random((30, 50))
    pair = truncated_svd(matrix, 10)
    found = spectral_norm(matrix, (pair.left, pair.right))
    assert found == pytest.approx(pair.next_singular_value, rel=1e-2)


def test_spectral_norm_of_zero():
    assert spectral_norm(np.zeros((3, 4))) == 0.0


@pytest.mark.parametrize("split", ["first", "sqrt"])
@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_the_distance_of_a_fitted_pair_needs_no_product(shape, split):
    matrix = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    pair = truncated_svd(matrix, 20, split)
    found = distance_of_fitted(matrix, Factored(pair.left, pair.right))
    wanted = relative_residual(matrix, pair.left, pair.right)
    assert found == pytest.approx(wanted, rel=residual.FITTED)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.floats(-7, 0))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_distance_of_any_pair_is_right_or_not_told(seed, rank, size):
    """Fitted by least squares, then moved by more or less."""
    matrix, left = random((30, 40), seed), random((30, rank), seed + 1)
    right = np.linalg.lstsq(left, matrix, rcond=None)[0].astype(np.float32)
    right += np.float32(10**size) * random(right.shape, seed + 2)
    found = distance_of_fitted(matrix, Factored(left, right))
    wanted = relative_residual(matrix, left, right)
    assert found is None or found == pytest.approx(wanted, rel=residual.FITTED)
    assert found is not None or size > -6, "what float32 rounds is fitted"


@pytest.mark.parametrize(
    "what", ["one entry", "a row", "another pair", "infinite", "zeros", "equal"]
)
def test_the_distance_of_what_is_not_fitted_is_not_told(what):
    matrix = np.random.default_rng(0).standard_normal((60, 90)).astype(np.float32)
    pair = truncated_svd(matrix, 20)
    left, right = pair.left.copy(), pair.right.copy()
    if what == "one entry":
        right[0, 0] += 1.0
    elif what == "a row":
        right[19] = 0
    elif what == "another pair":
        right = truncated_svd(matrix + 0.1, 20).right
    elif what == "infinite":
        right[3, 4] = np.inf
    elif what == "zeros":
        matrix, right = np.zeros_like(matrix), np.zeros_like(right)
    else:
        matrix = left @ right
    assert distance_of_fitted(matrix, Factored(left, right)) is None
