from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg.scatter import FEW, Scatter


def rows_of(seed: int, count: int, size: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, size)) * 0.7 ** np.arange(count)[:, None]


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(16, 30), st.integers(0, 99))
def test_few_rows_say_what_their_products_say(count: int, size: int, seed: int) -> None:
    rows = rows_of(seed, count, size)
    few, whole = Scatter.of_rows(rows), Scatter.of_matrix(rows.T @ rows)
    # Rounding of sums of some dozen numbers in float64.
    assert few.trace == pytest.approx(whole.trace, rel=1e-12)
    assert np.allclose(few.energy(), whole.energy(), atol=1e-12)
    axes = few.leading_axes(count)
    assert axes.shape == (size, count)
    assert np.allclose(axes.T @ axes, np.eye(count), atol=1e-12)
    # Of eigenvalues that are close the vectors may turn: what they span is the same.
    other = whole.leading_axes(count)
    assert np.allclose(axes @ axes.T, other @ other.T, atol=1e-7)


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 20), st.integers(0, 99))
def test_what_is_seen_through_weights_is_that_of_the_products(
    count: int, outputs: int, seed: int
) -> None:
    rows = rows_of(seed, count, 16)
    weights = np.random.default_rng(seed + 1).normal(size=(outputs, 16))
    expected = Scatter.of_matrix(weights @ rows.T @ rows @ weights.T)
    for one in (Scatter.of_rows(rows), Scatter.of_matrix(rows.T @ rows)):
        seen = one.seen_through(weights)
        assert seen.size == outputs
        assert np.allclose(seen.energy(), expected.energy(), atol=1e-10)


def test_rows_that_depend_on_each_other_give_no_axes_of_rounding() -> None:
    rows = rows_of(0, 2, 16)
    twice = Scatter.of_rows(np.concatenate([rows, rows @ np.eye(16)]))
    assert twice.leading_axes(4).shape == (16, 2)
    assert Scatter.of_rows(np.zeros((3, 16))).leading_axes(2).shape == (16, 0)


def test_many_rows_are_multiplied_out() -> None:
    """They give all axes there are, also those that no row tells of."""
    rows = rows_of(0, 16 // FEW + 1, 16)
    assert Scatter.of_rows(rows).leading_axes(16).shape == (16, 16)


def test_nothing_is_all_kept() -> None:
    assert Scatter.of_rows(np.zeros((2, 16))).energy().tolist() == [1.0] * 16
