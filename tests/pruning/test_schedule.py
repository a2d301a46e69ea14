"""How much is closed when."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from netsurgery.errors import PlanError
from netsurgery.pruning import CubicRamp, round_sparsities

SHARES = st.floats(0, 0.999)


@given(SHARES, SHARES, st.integers(1, 9))
def test_every_round_keeps_the_same_share_and_the_last_gets_there(
    one: float, other: float, rounds: int
) -> None:
    start, sparsity = sorted((one, other))
    found = round_sparsities(sparsity, rounds, start)
    assert found[-1] == sparsity  # to the bit: what is asked for
    left = [1 - share for share in (start, *found)]
    kept = [after / before for before, after in zip(left, left[1:])]
    assert kept == pytest.approx([kept[0]] * rounds, rel=1e-9)


def test_all_of_it_goes_in_equal_parts() -> None:
    assert round_sparsities(1.0, 4) == pytest.approx((0.25, 0.5, 0.75, 1))


def test_the_ramp_is_the_one_of_zhu_and_gupta() -> None:
    ramp = CubicRamp(0.9, 1000, 0.1)
    assert (ramp.last, ramp.at(600), ramp.at(999)) == (600, 0.9, 0.9)
    assert ramp.at(0) == pytest.approx(0.1)
    assert ramp.at(300) == pytest.approx(0.9 - 0.8 * 0.5**3)


@given(SHARES, SHARES, st.integers(1, 3000), st.integers(1, 200))
def test_a_ramp_rises_where_it_says_and_ends_in_time(
    one: float, other: float, steps: int, every: int
) -> None:
    start, sparsity = sorted((one, other))
    ramp = CubicRamp(sparsity, steps, start, every=every)
    at, rises = ramp.next_at(0), []
    while at <= steps:
        rises.append(at)
        at = ramp.next_at(at + 1)
    assert rises
    assert rises[0] > 0  # where it is what it was before
    assert rises[-1] == ramp.last < max(steps, 2)
    shares = [ramp.at(place) for place in rises]
    assert shares == sorted(shares)
    assert shares[-1] == sparsity


def test_less_than_is_closed_already_is_refused() -> None:
    with pytest.raises(PlanError, match="50% of the weights are zero already"):
        round_sparsities(0.4, 2, 0.5)
    with pytest.raises(PlanError, match="more than 40%"):
        CubicRamp(0.4, 100, 0.5)
