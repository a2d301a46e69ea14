from __future__ import annotations

import numpy as np
import pytest

from netsurgery.linalg.cp import SAMPLES, cp_decomposition, cp_energies, full_rank, multiply_out_cp


def random_kernel(shape: tuple, rank: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return multiply_out_cp([random.normal(size=(size, rank)) for size in shape])


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_rank_is_recovered(seed: int) -> None:
    kernel = random_kernel((12, 10, 3, 3), 2, seed)
    # Vectors of float32.
    assert cp_decomposition(kernel, 2).error < 1e-6


def test_the_error_is_that_of_the_factors_returned() -> None:
    kernel = np.random.default_rng(0).normal(size=(12, 10, 3, 5))
    found = cp_decomposition(kernel, 7)
    away = np.linalg.norm(kernel - multiply_out_cp(list(found[:4]))) / np.linalg.norm(kernel)
    assert found.error == pytest.approx(away, rel=1e-12)
    assert [factor.shape for factor in found[:4]] == [(12, 7), (10, 7), (3, 7), (5, 7)]


def test_more_rank_brings_it_closer() -> None:
    kernel = np.random.default_rng(1).normal(size=(12, 10, 3, 3))
    errors = [cp_decomposition(kernel, rank).error for rank in (1, 4, 16, 40)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 1


def test_rank_one_is_no_worse_than_higher_order_svd() -> None:
    kernel = np.random.default_rng(2).normal(size=(6, 5, 3, 3))
    vectors = []
    for axis in range(4):
        rows = np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)
        vectors.append(np.linalg.svd(rows)[0][:, 0])
    kept = np.einsum("ncyx,n,c,y,x->", kernel, *vectors) ** 2
    assert cp_decomposition(kernel, 1).error <= np.sqrt(1 - kept / np.sum(kernel**2)) + 1e-7


def test_what_is_stated_of_ranks_is_no_less_than_they_lose_and_falls() -> None:
    kernel = np.random.default_rng(3).normal(size=(12, 10, 3, 3))
    kernel *= 0.7 ** np.arange(12)[:, None, None, None]
    asked: list[int] = []

    def error(rank: int) -> float:
        asked.append(rank)
        return cp_decomposition(kernel, rank).error

    lost = cp_energies(kernel.shape, error).lost
    assert len(lost) == full_rank(kernel.shape) == 90
    assert asked == [1, 2, 4, 9, 19, 38]  # 38 * (12 + 10 + 3 + 3) = 1064 of 1080 numbers
    assert len(asked) == SAMPLES
    assert (np.diff(lost) <= 0).all()
    assert lost[-1] == 0
    for rank in (1, 3, 6, 14, 30, 38, 60):
        # Not all fits are equally lucky: a twentieth of the error.
        assert cp_decomposition(kernel, rank).error <= 1.05 * lost[rank - 1] ** 0.5
        assert rank not in asked or lost[rank - 1] == pytest.approx(
            cp_decomposition(kernel, rank).error ** 2
        )


def test_zeros_are_met() -> None:
    found = cp_decomposition(np.zeros((3, 4, 2, 2)), 2)
    assert found.error == 0.0
    assert not multiply_out_cp(list(found[:4])).any()


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_channels_that_are_only_passed_on_are_met_one_by_one(rank: int) -> None:
    # Of four taps of one size in planes of their own a product holds one.
    kernel = np.zeros((4, 4, 3, 3), "f4")
    kernel[range(4), range(3, -1, -1), 1, 1] = 1
    assert cp_decomposition(kernel, rank).error == pytest.approx(np.sqrt(1 - rank / 4), abs=1e-3)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="rank 0"):
        cp_decomposition(np.ones((1, 1, 1, 1)), 0)
    with pytest.raises(ValueError, match="NaN"):
        cp_decomposition(np.full((1, 1, 1, 1), np.nan), 1)
