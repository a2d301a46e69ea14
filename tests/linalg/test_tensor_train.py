from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg.tensor_train import (
    balanced_digits,
    full_ranks,
    kronecker_energies,
    multiply_out_tensor_train,
    tensor_train_decomposition,
)

DIGITS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=2, max_size=4)


@settings(max_examples=40)
@given(DIGITS, st.integers(0, 99), st.data())
def test_the_error_is_that_of_the_product_and_full_rank_is_exact(digits, seed, data) -> None:
    rows, columns = (tuple(sizes) for sizes in zip(*digits))
    matrix = np.random.default_rng(seed).normal(size=(prod(rows), prod(columns)))
    matrix = matrix.astype(np.float32)
    full = full_ranks(rows, columns)
    for ranks in (full, tuple(data.draw(st.integers(1, most)) for most in full)):
        found = tensor_train_decomposition(matrix, rows, columns, ranks)
        away = np.linalg.norm(multiply_out_tensor_train(found.cores) - matrix) / np.linalg.norm(
            matrix
        )
        # Cores are stored in float32.
        assert found.error == pytest.approx(away, abs=2e-6)
        assert ranks != full or away < 2e-6
        links = [core.shape[-1] for core in found.cores[:-1]]
        assert all(link <= rank for link, rank in zip(links, ranks))


def test_one_kronecker_product_is_found() -> None:
    random = np.random.default_rng(0)
    left, right = random.normal(size=(4, 6)), random.normal(size=(5, 3))
    found = tensor_train_decomposition(np.kron(left, right), (4, 5), (6, 3), (1,))
    assert found.error < 1e-6
    first, second = (core[0, :, :, 0] for core in found.cores)
    np.testing.assert_allclose(np.kron(first, second), np.kron(left, right), atol=1e-5)


def test_two_cores_are_the_best_sum_of_kronecker_products() -> None:
    """The tail of the spectrum of Van Loan's rearrangement."""
    matrix = np.random.default_rng(1).normal(size=(20, 18))
    rearranged = matrix.reshape(4, 5, 6, 3).transpose(0, 2, 1, 3).reshape(24, 15)
    values = np.linalg.svd(rearranged, compute_uv=False)
    tail = np.linalg.norm(values[7:]) / np.linalg.norm(values)
    assert tensor_train_decomposition(matrix, (4, 5), (6, 3), (7,)).error == pytest.approx(
        tail, rel=1e-5
    )


@settings(max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=4, max_size=4), st.integers(0, 99))
def test_what_is_stated_of_two_cores_is_what_every_rank_loses(sizes, seed) -> None:
    rows, columns = tuple(sizes[:2]), tuple(sizes[2:])
    matrix = np.random.default_rng(seed).normal(size=(prod(rows), prod(columns)))
    lost = kronecker_energies(matrix, rows, columns).lost
    for rank in range(1, full_ranks(rows, columns)[0] + 1):
        error = tensor_train_decomposition(matrix, rows, columns, (rank,)).error
        # The error of float32 cores against that of the float64 spectrum.
        assert lost[rank - 1] ** 0.5 == pytest.approx(error, rel=1e-5, abs=2e-6)
    assert len(lost) == rank


@pytest.mark.parametrize(
    ("shape", "digits"),
    [((16, 16), ((4, 4), (4, 4))), ((4096, 25088), ((64, 64), (128, 196)))],
)
def test_digits_are_balanced(shape: tuple, digits: tuple) -> None:
    assert balanced_digits(*shape) == digits


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not make a matrix"):
        tensor_train_decomposition(np.ones((4, 4)), (2, 2), (2, 3), (1,))
    with pytest.raises(ValueError, match="ranks"):
        tensor_train_decomposition(np.ones((4, 4)), (2, 2), (2, 2), (5,))
