"""Spectra against LAPACK, and ranks against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.linalg import blocks, spectrum
from netsurgery.linalg.svd import (
    breakeven_rank,
    kept_energy,
    rank_for_energy,
    rank_for_error,
    singular_values,
)

falling_values = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=30).map(
    lambda values: np.array(sorted(values, reverse=True))
)


@pytest.fixture(params=["lapack", "small gram", "gram", "gram in blocks"])
def path(request, monkeypatch):
    if request.param != "lapack":
        monkeypatch.setattr(spectrum, "CHEAP", 0)
    if request.param.startswith("gram"):
        monkeypatch.setattr(blocks, "SMALL", 0)
    if request.param == "gram in blocks":
        monkeypatch.setattr(blocks, "BLOCK_BYTES", 1024)
    return request.param


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (40, 40), (1, 30), (30, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spectrum_is_that_of_lapack(path, shape, dtype):
    matrix = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    expected = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    found = singular_values(matrix)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-7 * expected[0])


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_energy_one_is_the_numerical_rank(path, shape):
    generator = np.random.default_rng(1)
    factors = generator.standard_normal((shape[0], 7)), generator.standard_normal((7, shape[1]))
    values = singular_values((factors[0] @ factors[1]).astype(np.float32))
    assert rank_for_energy(values, 1.0) == 7
    assert rank_for_error(values, 0.0) == 7


def test_spectrum_of_zeros_is_zeros_and_asks_for_one_rank(path):
    values = singular_values(np.zeros((20, 30), np.float32))
    assert not values.any()
    assert rank_for_energy(values, 1.0) == rank_for_error(values, 0.5) == 1
    assert kept_energy(values, 1) == 1.0


def test_spectrum_refuses_values_that_are_not_finite(path):
    matrix = np.ones((20, 30), np.float32)
    matrix[3, 24] = np.nan
    with pytest.raises(ValueError, match=r"1 values that are NaN or Inf, the first at \(3, 24\)"):
        singular_values(matrix)


@given(falling_values, st.floats(1e-6, 1))
def test_rank_for_energy_is_the_smallest_that_keeps_it(values, energy):
    rank = rank_for_energy(values, energy)
    assert 1 <= rank <= len(values)
    assert kept_energy(values, rank) >= energy - 1e-15
    assert rank == 1 or kept_energy(values, rank - 1) < energy + 1e-15


@given(falling_values, st.floats(0, 1, exclude_max=True))
def test_rank_for_error_is_the_smallest_that_reaches_it(values, error):
    rank = rank_for_error(values, error)
    norm = np.linalg.norm(values)
    # Values below NOISE, 1.2e-7 of the largest, count as zero: at most 30 of them.
    slack = 30 * 1.2e-7 * norm
    assert np.linalg.norm(values[rank:]) <= error * norm + slack
    assert rank == 1 or np.linalg.norm(values[rank - 1 :]) >= error * norm * (1 - 1e-12) - slack


@given(falling_values)
def test_kept_energy_rises_to_one(values):
    kept = [kept_energy(values, rank) for rank in range(len(values) + 1)]
    assert (np.diff(kept) >= 0).all()
    assert kept[-1] == 1.0


@given(falling_values, st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_more_energy_never_takes_less_rank(values, one, other):
    low, high = sorted([one, other])
    assert rank_for_energy(values, low) <= rank_for_energy(values, high)


def test_kept_energy_is_the_share_of_squares():
    assert kept_energy(np.array([3.0, 2.0, 1.0]), 1) == pytest.approx(9 / 14)
    assert kept_energy(np.array([3.0, 2.0, 1.0]), 0) == 0.0
    assert rank_for_energy(np.array([3.0, 2.0, 1.0]), 9.001 / 14) == 2
    assert rank_for_error(np.array([3.0, 2.0, 1.0]), np.sqrt(5.001 / 14)) == 1


@given(st.integers(1, 5000), st.integers(1, 30000))
def test_breakeven_is_the_last_rank_that_saves(m, n):
    rank = breakeven_rank(m, n)
    assert rank * (m + n) < m * n <= (rank + 1) * (m + n)


def test_breakeven_of_vgg16():
    assert breakeven_rank(4096, 25088) == 3521
    # 2048 is exactly even.
    assert breakeven_rank(4096, 4096) == 2047
    assert breakeven_rank(1000, 4096) == 803
    assert breakeven_rank(1, 30) == 0


@pytest.mark.parametrize("energy", [0.0, -0.1, 1.1, float("nan")])
def test_energies_out_of_bounds_are_refused(energy):
    with pytest.raises(ValueError, match="energy"):
        rank_for_energy(np.ones(3), energy)


@pytest.mark.parametrize("error", [-0.1, 1.0, float("nan")])
def test_errors_out_of_bounds_are_refused(error):
    with pytest.raises(ValueError, match="relative error"):
        rank_for_error(np.ones(3), error)


@pytest.mark.parametrize("rank", [-1, 4])
def test_kept_energy_refuses_ranks_out_of_bounds(rank):
    with pytest.raises(ValueError, match="not between 0 and 3"):
        kept_energy(np.ones(3), rank)
