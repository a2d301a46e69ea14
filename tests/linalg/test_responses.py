from __future__ import annotations

from typing import Optional, Tuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg.moments import Moments
from netsurgery.linalg.responses import (
    FullRankSolution,
    Responses,
    as_it_is,
    fitted_to_outputs,
    fitted_to_rows,
    principal,
    stored,
)
from netsurgery.linalg.svd import truncated_svd


def cut_to(whole: FullRankSolution, rank: int, matrix: np.ndarray) -> Responses:
    return stored(whole, principal(whole, rank), "first", matrix)


def moments_of(rows: np.ndarray, targets: Optional[np.ndarray] = None) -> Moments:
    seen = Moments()
    for part in np.array_split(np.arange(len(rows)), 3):
        seen.add(rows[part], None if targets is None else targets[part])
    return seen


def by_turns(x: np.ndarray, y: np.ndarray, rank: int, random: np.random.Generator) -> float:
    """What a product of that rank leaves of y, its factors fitted one after the other."""
    left = random.normal(size=(y.shape[1], rank))
    for _ in range(300):
        right = np.linalg.lstsq(x, y @ np.linalg.pinv(left).T, rcond=None)[0].T
        left = np.linalg.lstsq(x @ right.T, y, rcond=None)[0].T
    return float(np.linalg.norm(y - x @ right.T @ left.T))


def spoilt(seed: int, inputs: int, outputs: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, the responses to what they were before they were spoilt, and the matrix of those."""
    random = np.random.default_rng(seed)
    before = random.normal(size=(80, inputs)) + random.normal(size=inputs)
    mixing = random.normal(size=(inputs, inputs // 2))
    rows = before @ mixing @ mixing.T / inputs + 0.3 * random.normal(size=before.shape)
    matrix = random.normal(size=(outputs, inputs)).astype("f4")
    return rows, before @ matrix.T, matrix


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 8), st.booleans(), st.integers(0, 99), st.data())
def test_no_pair_loses_less_of_the_responses(
    outputs: int, inputs: int, biased: bool, seed: int, data: st.DataObject
) -> None:
    """The loss is the tail of the singular values of the responses themselves (Eckart, Young)."""
    rank = data.draw(st.integers(1, outputs))
    random = np.random.default_rng(seed)
    rows = random.normal(size=(40, inputs)) * 0.6 ** np.arange(inputs) + random.normal(size=inputs)
    matrix = random.normal(size=(outputs, inputs)).astype("f4")
    bias = random.normal(size=outputs) if biased else None
    made = rows @ matrix.T + (0 if bias is None else bias)
    fit = cut_to(as_it_is(matrix, bias, moments_of(made)), rank, matrix)
    after = rows @ (fit.left @ fit.right).T + (0 if fit.bias is None else fit.bias)
    centre = made.mean(axis=0) if biased else 0
    tail = np.linalg.svd(made - centre, compute_uv=False)[rank:]
    # float32 factors
    assert np.linalg.norm(after - made) == pytest.approx(np.linalg.norm(tail), abs=1e-4)
    error = np.linalg.norm(matrix - fit.left @ fit.right) / np.linalg.norm(matrix)
    assert fit.error == pytest.approx(error, abs=1e-6)


def test_white_inputs_give_the_truncated_svd() -> None:
    random = np.random.default_rng(0)
    rows = np.linalg.qr(random.normal(size=(50, 8)) - 0.5)[0]
    rows -= rows.mean(axis=0)
    rows = np.linalg.qr(rows)[0] * np.sqrt(50)
    matrix, bias = random.normal(size=(6, 8)).astype("f4"), random.normal(size=6)
    fit = cut_to(as_it_is(matrix, bias, moments_of(rows @ matrix.T + bias)), 3, matrix)
    plain = truncated_svd(matrix, 3)
    assert np.allclose(fit.left @ fit.right, plain.left @ plain.right, atol=1e-5)
    assert np.allclose(fit.bias, bias, atol=1e-5)
    assert fit.error == pytest.approx(plain.error, rel=1e-5)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(0, 9), st.booleans(), st.integers(0, 99))
def test_a_rank_beyond_the_rows_is_spent_on_the_weights(
    seen: int, more: int, biased: bool, seed: int
) -> None:
    """What rows tell of is kept as it is, and of the matrix the best of what that leaves."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(20, 12)).astype("f4")
    rows = random.normal(size=(seen, 12))
    bias = random.normal(size=20) if biased else None
    made = rows @ matrix.T + (0 if bias is None else bias)
    told = seen - biased  # of deviations from their mean
    rank = max(told + more, 1)
    fit = cut_to(as_it_is(matrix, bias, moments_of(made)), rank, matrix)
    assert fit.left.shape == (20, rank)
    after = rows @ (fit.left @ fit.right).T + (0 if fit.bias is None else fit.bias)
    assert np.allclose(after, made, atol=1e-4)  # float32 factors
    centre = made - made.mean(axis=0) if biased else made
    basis = np.linalg.svd(centre.T, full_matrices=False)[0][:, :told]
    rest = matrix - basis @ (basis.T @ matrix)
    tail = np.linalg.svd(rest, compute_uv=False)[rank - told :]
    lost = np.linalg.norm(matrix - fit.left @ fit.right)
    assert lost == pytest.approx(np.linalg.norm(tail), abs=1e-4)  # float32 factors


def test_outputs_that_are_dead_or_the_same_do_no_harm() -> None:
    random = np.random.default_rng(0)
    matrix = np.repeat(random.normal(size=(2, 5)), 2, axis=0).astype("f4")
    matrix[3] = 0
    rows = np.maximum(random.normal(size=(30, 5)), 0)
    fit = cut_to(as_it_is(matrix, np.zeros(4), moments_of(rows @ matrix.T)), 3, matrix)
    assert np.allclose(fit.left @ fit.right, matrix, atol=1e-6)


@settings(max_examples=15)
@given(st.integers(2, 5), st.integers(2, 7), st.booleans(), st.integers(0, 99), st.data())
def test_factors_fitted_by_turns_come_to_no_less(
    outputs: int, inputs: int, biased: bool, seed: int, data: st.DataObject
) -> None:
    rank = data.draw(st.integers(1, outputs))
    rows, wanted, matrix = spoilt(seed, inputs, outputs)
    bias = np.zeros(outputs) if biased else None
    whole = fitted_to_rows(matrix, bias, moments_of(rows, wanted), 0.0)
    fit = cut_to(whole, rank, matrix)
    after = rows @ (fit.left @ fit.right).T + (0 if fit.bias is None else fit.bias)
    x, y = (one - one.mean(axis=0) if biased else one for one in (rows, wanted))
    best = by_turns(x, y, rank, np.random.default_rng(seed))
    # float32 factors; turns may be slow where two components are nearly alike.
    loss = np.linalg.norm(wanted - after)
    assert loss <= best * (1 + 1e-4) + 1e-4
    assert loss >= best * (1 - 1e-2)


def test_rows_that_are_not_spoilt_give_the_principal_components() -> None:
    rows, _, matrix = spoilt(1, 6, 5)
    bias = np.arange(5.0)
    wanted = rows @ matrix.T + bias
    expected = cut_to(as_it_is(matrix, bias, moments_of(wanted)), 2, matrix)
    for fit, seen in (
        (fitted_to_rows, moments_of(rows, wanted)),
        (fitted_to_outputs, moments_of(wanted, wanted)),
    ):
        found = cut_to(fit(matrix, bias, seen), 2, matrix)
        for mine, other in zip(found, expected):
            assert np.allclose(mine, other, atol=1e-5)


def test_outputs_say_as_much_as_rows_where_they_tell_them() -> None:
    """As many outputs as inputs: every matrix is a mixture of those that are there."""
    rows, wanted, matrix = spoilt(2, 5, 5)
    bias = np.arange(5.0)
    made = rows @ matrix.T + bias
    one = fitted_to_rows(matrix, bias, moments_of(rows, wanted), 0.0)
    other = fitted_to_outputs(matrix, bias, moments_of(made, wanted), 0.0)
    for mine, its in zip(one._replace(scatter=None), other._replace(scatter=None)):
        assert mine is its is None or np.allclose(mine, its, atol=1e-6)
    # All axes there are, times what each says.
    assert np.allclose(one.scatter.energy(), other.scatter.energy(), atol=1e-6)
    assert one.scatter.trace == pytest.approx(other.scatter.trace, rel=1e-6)
    axes = [whole.scatter.leading_axes(2) for whole in (one, other)]
    assert np.allclose(*(each @ each.T for each in axes), atol=1e-6)
