from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg.moments import Moments


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    widths=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_moments_are_those_of_all_rows_at_once(sizes, widths, seed) -> None:
    random = np.random.default_rng(seed)
    batches = [[random.normal(1, 2, (size, width)) for width in widths] for size in sizes]
    moments = Moments()
    for x, y in batches:
        moments.add(x.astype(np.float32), y.astype(np.float32))
    x, y = (np.concatenate(part).astype(np.float32).astype(np.float64) for part in zip(*batches))
    assert moments.count == len(x)
    # numpy subtracts the means first; squares of numbers up to 10 then agree to 1e-13.
    near = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(moments.mean, x.mean(axis=0), **near)
    np.testing.assert_allclose(moments.second, x.T @ x / len(x), **near)
    np.testing.assert_allclose(moments.target_mean, y.mean(axis=0), **near)
    np.testing.assert_allclose(moments.cross, y.T @ x / len(x), **near)
    apart = np.hstack([y - y.mean(axis=0), x - x.mean(axis=0)])
    together = apart.T @ apart / len(apart)
    targets = y.shape[1]
    np.testing.assert_allclose(moments.covariance, together[targets:, targets:], **near)
    np.testing.assert_allclose(moments.cross_covariance, together[:targets, targets:], **near)


def test_what_is_given_stays_as_it_is_and_may_be_used_again() -> None:
    moments, rows = Moments(), np.ones((2, 3))
    moments.add(rows)
    moments.add(rows)
    np.testing.assert_array_equal(rows, np.ones((2, 3)))
    rows[:] = 5
    np.testing.assert_array_equal(moments.second, np.ones((3, 3)))


def test_rows_wait_until_there_are_enough_to_multiply(monkeypatch) -> None:
    monkeypatch.setattr("netsurgery.linalg.moments.TOGETHER", 3)
    random, moments = np.random.default_rng(0), Moments()
    rows, targets = random.normal(size=(17, 4)), random.normal(size=(17, 2))
    for number, (start, stop) in enumerate(((0, 1), (1, 3), (3, 10), (10, 12), (12, 17))):
        moments.add(rows[start:stop], targets[start:stop])
        if number == 3:  # Looked at in between, and kept in a file.
            np.testing.assert_allclose(moments.second, rows[:12].T @ rows[:12] / 12, rtol=1e-12)
            moments = Moments.from_arrays(moments.to_arrays())
    assert moments.count == len(rows)
    np.testing.assert_allclose(moments.second, rows.T @ rows / len(rows), rtol=1e-12)
    np.testing.assert_allclose(moments.cross, targets.T @ rows / len(rows), rtol=1e-12)


def test_there_are_no_moments_of_nothing() -> None:
    with pytest.raises(AssertionError, match="no rows"):
        Moments().mean
    moments = Moments()
    moments.add(np.ones((1, 2)))
    with pytest.raises(AssertionError, match="of that kind"):
        moments.cross


@given(
    groups=st.integers(1, 4),
    sizes=st.lists(st.integers(1, 1100), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
@settings(max_examples=20)
def test_groups_at_once_are_each_group_by_itself(groups, sizes, seed) -> None:
    random = np.random.default_rng(seed)
    together, alone = Moments(), [Moments() for _ in range(groups)]
    for size in sizes:
        # As a convolution lays them: the groups of a row side by side.
        x, y = (random.normal(size=(size, groups, n)).astype(np.float32) for n in (3, 2))
        together.add(x.transpose(1, 0, 2), y.transpose(1, 0, 2))
        for group, moments in enumerate(alone):
            moments.add(x[:, group], y[:, group])
    for group, moments in zip(together.groups(), alone):
        assert group.count == moments.count == sum(sizes)
        for name in ("mean", "second", "covariance", "target_mean", "cross", "cross_covariance"):
            wanted = getattr(moments, name)
            # The same products in another order: of a thousand numbers near 1 in float64.
            np.testing.assert_allclose(getattr(group, name), wanted, rtol=0, atol=1e-12)
    kept = Moments.from_arrays(together.to_arrays())
    np.testing.assert_array_equal(kept.cross, together.cross)


def test_what_is_returned_is_the_callers_own() -> None:
    moments = Moments()
    moments.add(np.arange(6.0).reshape(3, 2))
    first = moments.covariance
    first[:] = 7
    np.testing.assert_allclose(moments.covariance, np.full((2, 2), 8 / 3))


@pytest.mark.parametrize(("count", "width"), [(7, 40), (900, 40), (700, 600), (300, 600)])
@pytest.mark.parametrize("centred", [False, True])
def test_half_of_a_moment_is_as_good_as_the_whole(count, width, centred) -> None:
    random, moments = np.random.default_rng(0), Moments()
    rows = random.normal(3, 1, size=(2, count, width)).astype(np.float32)
    for start in range(0, count, 250):
        moments.add(rows[:, start : start + 250])
    kept = Moments.from_arrays(moments.to_arrays())
    half = kept.half(centred)
    assert half.dtype == np.float32
    assert half.shape[1] == min(count, width)
    found = half.astype(np.float64).transpose(0, 2, 1) @ half
    wanted = moments.covariance if centred else moments.second
    # float32 rounds each number of two columns whose squares add up to the diagonal.
    scale = np.sqrt(np.einsum("gi,gj->gij", *[np.einsum("gii->gi", wanted)] * 2))
    assert np.abs((found - wanted) / scale).max() < 1e-6


def test_a_moment_that_rounding_has_spoilt_has_a_half_too() -> None:
    moments = Moments()
    moments.add(1e4 + np.random.default_rng(0).normal(size=(2000, 30)).astype(np.float32) * 1e-3)
    half = moments.half(centred=True).astype(np.float64)
    # float32 keeps seven digits of 10,000: the numbers differ by steps of a thousandth.
    np.testing.assert_allclose(half.T @ half, moments.covariance, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [4, 3000], ids=["as rows", "multiplied"])
def test_the_second_moment_of_some_numbers_is_a_part_of_the_whole(count: int) -> None:
    rows = np.random.RandomState(0).standard_normal((2, count, 7)).astype(np.float32)
    moments, same = Moments(), Moments()
    moments.add(rows)
    same.add(rows)
    part = same.second_of(slice(2, 6))
    np.testing.assert_allclose(part, moments.second[:, 2:6, 2:6], rtol=1e-12)
    part *= 0
    np.testing.assert_allclose(same.second, moments.second, rtol=1e-12)
