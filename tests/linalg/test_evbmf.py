from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg.evbmf import Evbmf, evbmf_rank


def planted(rows: int, columns: int, rank: int, noise: float, seed: int) -> np.ndarray:
    """A matrix of ``rank`` singular values 3 to 6 times what the noise's largest one is."""
    random = np.random.default_rng(seed)
    left = np.linalg.qr(random.normal(size=(rows, rank)))[0]
    right = np.linalg.qr(random.normal(size=(columns, rank)))[0]
    size = (noise or 1.0) * (np.sqrt(rows) + np.sqrt(columns))
    values = size * random.uniform(3, 6, rank)
    return left * values @ right.T + noise * random.normal(size=(rows, columns))


def judged(matrix: np.ndarray) -> Evbmf:
    shape = matrix.shape[0], matrix.shape[1]
    return evbmf_rank(np.linalg.svd(matrix, compute_uv=False), shape)


# Where the noise model holds: enough rows, and a rank well below half of them.
MATRICES = st.tuples(st.integers(20, 60), st.integers(20, 120), st.integers(0, 6))


@settings(max_examples=40)
@given(MATRICES, st.sampled_from([1e-3, 1.0, 50.0]), st.integers(0, 99))
def test_a_planted_rank_is_found_behind_noise(
    size: tuple[int, int, int], noise: float, seed: int
) -> None:
    found = judged(planted(*size, noise, seed))
    assert found.rank == size[2]
    # An estimate from 400 entries or more.
    assert found.noise == pytest.approx(noise, rel=0.2)


@settings(max_examples=20)
@given(MATRICES, st.integers(0, 99))
def test_without_noise_the_rank_is_exact(size: tuple[int, int, int], seed: int) -> None:
    assert judged(planted(*size, 0.0, seed)).rank == size[2]


@settings(max_examples=20)
@given(MATRICES, st.integers(0, 99), st.floats(1e-6, 1e6))
def test_scale_and_orientation_do_not_matter(
    size: tuple[int, int, int], seed: int, scale: float
) -> None:
    matrix = planted(*size, 1.0, seed)
    found, scaled, turned = judged(matrix), judged(scale * matrix), judged(matrix.T)
    assert found.rank == scaled.rank == turned.rank
    assert scaled.noise == pytest.approx(scale * found.noise, rel=1e-6)
    assert turned.noise == pytest.approx(found.noise, rel=1e-6)


def test_weak_components_drown_where_the_theory_says() -> None:
    """In a large matrix a component counts from sqrt(M sigma^2 x) on."""
    rows, columns = 300, 900
    random = np.random.default_rng(0)
    left, right = random.normal(size=rows), random.normal(size=columns)
    one = np.outer(left / np.linalg.norm(left), right / np.linalg.norm(right))
    noise = random.normal(size=(rows, columns))
    ratio = rows / columns
    tau = 2.5129 * np.sqrt(ratio)
    # A planted value s shows up as sqrt((s^2 + M) (s^2 + L)) / s; this s gives the threshold.
    smallest = np.sqrt(tau * columns)
    assert judged(0.9 * smallest * one + noise).rank == 0
    assert judged(1.15 * smallest * one + noise).rank == 1


@pytest.mark.parametrize("shape", [(3, 5), (1, 4), (4, 1)])
def test_zeros_and_slivers(shape: tuple[int, int]) -> None:
    assert judged(np.zeros(shape)) == Evbmf(0, 0.0)
    assert judged(np.ones(shape)).rank in (0, 1)


def test_the_spectrum_must_be_whole() -> None:
    with pytest.raises(ValueError, match="2 singular values for a 3x5 matrix"):
        evbmf_rank(np.ones(2), (3, 5))
