"""Optimal brain surgery on single weights, against least squares on the rows themselves."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg import weight_surgeon
from netsurgery.linalg.weight_surgeon import Removal, WeightSurgeon, removal_order

NOISE = 1e-9
"""Of the loss: products in float64 (2**-53), of inputs whose moments have a condition below 1e6."""


def a_problem(rows: int, width: int, seed: int = 0) -> Tuple[np.ndarray, np.ndarray]:
    """Weights, and inputs that depend on each other."""
    random = np.random.RandomState(seed)
    seen = random.standard_normal((4 * width, width)) @ random.standard_normal((width, width))
    return random.standard_normal((rows, width)), seen


def surgeon_of(seen: np.ndarray) -> WeightSurgeon:
    return WeightSurgeon(seen.T @ seen / len(seen))


def order_of(surgeon: WeightSurgeon, weights: np.ndarray) -> Removal:
    return removal_order(np.asarray(weights, np.float64), surgeon.inverse)


def fitted(row: np.ndarray, seen: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The oracle: least squares on the inputs themselves."""
    found = np.zeros_like(row)
    if free.any():
        found[free] = np.linalg.lstsq(seen[:, free], seen @ row, rcond=None)[0]
    return found


def loss_of(row: np.ndarray, seen: np.ndarray, free: np.ndarray) -> float:
    return float(np.square(seen @ (fitted(row, seen, free) - row)).mean())


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(0, 1000))
def test_each_removal_is_the_cheapest_and_leaves_the_optimum(rows, width, seed) -> None:
    weights, seen = a_problem(rows, width, seed)
    found = order_of(surgeon_of(seen), weights)
    for row, order, losses in zip(weights, found.order, found.losses):
        free, lost = np.ones(width, bool), 0.0
        scale = NOISE * float(np.square(seen @ row).mean())
        for gone, loss in zip(order, losses):
            tried = {}
            for other in np.flatnonzero(free):
                free[other] = False
                tried[other] = loss_of(row, seen, free)
                free[other] = True
            lost += loss
            assert tried[gone] <= min(tried.values()) + scale
            assert lost == pytest.approx(tried[gone], abs=scale)
            free[gone] = False
        assert sorted(order) == list(range(width))


def test_panels_and_stacks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, seen = a_problem(7, 50)
    whole = order_of(surgeon_of(seen), weights)
    monkeypatch.setattr(weight_surgeon, "PANEL", 3)
    monkeypatch.setattr(weight_surgeon, "STACK", 8.0 * 50**2 * 2)
    parts = order_of(surgeon_of(seen), weights)
    assert np.array_equal(parts.order, whole.order)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=NOISE)


def test_whatever_a_threshold_takes_of_a_row_went_first() -> None:
    weights, seen = a_problem(5, 40)
    surgeon = surgeon_of(seen)
    costs, found = surgeon.costs(weights, 40), order_of(surgeon, weights)
    assert np.array_equal(np.argsort(costs, axis=1), found.order)
    in_turn = np.take_along_axis(costs, found.order, axis=1)
    assert (np.diff(in_turn, axis=1) > 0).all()
    np.testing.assert_allclose(in_turn, np.maximum.accumulate(found.losses, axis=1), rtol=1e-12)


def test_a_block_of_columns_goes_as_if_all_others_stayed() -> None:
    weights, seen = a_problem(2, 12)
    costs = surgeon_of(seen).costs(weights, 4)
    for row, own in zip(weights, costs):
        for start in (0, 4, 8):
            free, lost = np.ones(12, bool), 0.0
            for gone in start + np.argsort(own[start : start + 4]):
                free[gone] = False
                before, lost = lost, loss_of(row, seen, free)
                rose = lost - before
                assert own[gone] >= rose - NOISE * lost
                if gone == start + np.argmin(own[start : start + 4]):
                    assert own[gone] == pytest.approx(rose, rel=1e-6)


def test_weights_that_are_zero_cost_nothing_and_go_first() -> None:
    weights, seen = a_problem(3, 20)
    weights[:, ::4] = 0
    surgeon = surgeon_of(seen)
    assert np.array_equal(np.sort(order_of(surgeon, weights).order[:, :5]), [range(0, 20, 4)] * 3)
    assert (surgeon.costs(weights, 20)[:, ::4] < 1e-300).all()
    assert (surgeon.costs(weights, 5)[:, ::4] < 1e-300).all()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_what_stays_is_the_least_squares_optimum(share: float) -> None:
    weights, seen = a_problem(6, 15)
    free = np.random.RandomState(1).random_sample(weights.shape) < share
    found = surgeon_of(seen).solve(weights, free)
    for row, own, solved in zip(weights, free, found):
        np.testing.assert_allclose(solved, fitted(row, seen, own), atol=NOISE * np.abs(row).max())
        assert not solved[~own].any()


def test_rows_with_one_mask_are_solved_together(monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.linalg

    weights, seen = a_problem(30, 10)
    free = np.tile(np.arange(10) % 3 > 0, (30, 1))
    free[:5] = np.arange(10) % 2 > 0
    solved, factors = [], scipy.linalg.cho_factor
    monkeypatch.setattr(
        scipy.linalg,
        "cho_factor",
        lambda *a, **how: solved.append(a[0].shape) or factors(*a, **how),
    )
    surgeon_of(seen).solve(weights, free)
    assert sorted(solved) == [(4, 4), (5, 5)]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_steps_come_to_the_optimum(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many steps as weights are free would come to it exactly, but for rounding."""
    monkeypatch.setattr(weight_surgeon, "SETTLED", 0.0)
    monkeypatch.setattr(weight_surgeon, "ROWS_AT_ONCE", 4)
    weights, seen = a_problem(6, 10)
    free = np.random.RandomState(1).random_sample(weights.shape) < share
    surgeon = surgeon_of(seen)
    found = surgeon.approach(weights, free)
    assert not found[~free].any()
    np.testing.assert_allclose(found, surgeon.solve(weights, free), atol=1e-6)


def test_steps_end_within_a_share_of_the_optimum() -> None:
    weights, seen = a_problem(8, 60)
    free = np.random.RandomState(2).random_sample(weights.shape) < 0.5
    surgeon = WeightSurgeon(seen.T @ seen / len(seen), 1e-2)
    answers = (surgeon.solve(weights, free), surgeon.approach(weights, free), weights * free)
    errors = [surgeon.error(answer - weights) for answer in answers]
    assert errors == sorted(errors)
    # the last step gained a share of 1e-3, and so would no more than some of those behind it
    assert errors[1] < 1.02 * errors[0] < 0.5 * errors[2]


def test_the_error_is_what_outputs_move_by() -> None:
    weights, seen = a_problem(8, 60)
    change = np.random.RandomState(3).standard_normal(weights.shape)
    direct = np.square(change @ seen.T).sum() / len(seen)
    assert surgeon_of(seen).error(change) == pytest.approx(direct, rel=NOISE)


def test_inputs_that_repeat_each_other_need_a_ridge() -> None:
    weights, seen = a_problem(2, 5)
    seen[:, 1], seen[:, 4] = seen[:, 0], 0
    gram = seen.T @ seen / len(seen)
    with pytest.raises(ValueError, match="singular; a ridge"):
        order_of(WeightSurgeon(gram), weights)
    free = np.tile([False, False, False, False, True], (2, 1))
    with pytest.raises(ValueError, match="singular; a ridge"):
        WeightSurgeon(gram).solve(weights, free)
    found = order_of(WeightSurgeon(gram, 1e-6), weights)
    for first in found.order[:, :2]:
        assert 4 in first
        assert {0, 1} & set(first)
    assert found.losses[:, :2].max() < 1e-4


def test_inputs_that_are_always_zero_cost_equally_much() -> None:
    surgeon = WeightSurgeon(np.zeros((3, 3)), 1e-3)
    assert np.array_equal(order_of(surgeon, np.array([[3.0, 1.0, 2.0]])).order, [[1, 2, 0]])


@pytest.mark.parametrize("gram", [np.zeros((2, 3)), np.zeros(4), np.full((2, 2), np.nan)])
def test_moments_that_are_none_are_refused(gram: np.ndarray) -> None:
    with pytest.raises(ValueError, match="second moments"):
        WeightSurgeon(gram)
