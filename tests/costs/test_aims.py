from __future__ import annotations

from hypothesis import given, strategies as st

from netsurgery.costs.aims import ATTEMPTS, NEAR, Aims

WHOLE = 3.0


@given(
    allowed=st.floats(0.2, 0.95),
    factor=st.floats(0.6, 1.5),
    power=st.floats(0.7, 1.5),
)
def test_what_follows_an_aim_is_met_in_a_few_attempts(
    allowed: float, factor: float, power: float
) -> None:
    # What is taken grows with what is aimed at, but is not what is aimed at.
    aims = Aims(allowed * WHOLE, WHOLE)
    for _ in range(ATTEMPTS):
        share = factor * (aims.aim / WHOLE) ** power
        if aims.learn(share):
            # The seconds that are allowed are rounded.
            assert NEAR * allowed * (1 - 1e-12) <= share <= allowed * (1 + 1e-12)
            break
        assert 0 < aims.aim <= WHOLE
    else:
        assert aims.aim == WHOLE


def test_what_is_taken_as_aimed_at_is_near_enough() -> None:
    assert Aims(1.5, WHOLE).learn(0.5)
    assert Aims(1.5, WHOLE).learn(NEAR * 0.5)


def test_nothing_beyond_an_aim_that_was_too_high_is_aimed_at() -> None:
    aims = Aims(1.5, WHOLE)
    assert not aims.learn(0.6)
    lower = aims.aim
    assert lower < 1.5
    assert not aims.learn(0.4)
    assert lower < aims.aim < 1.5


def test_a_net_that_saves_too_much_is_left_alone_in_the_end() -> None:
    aims = Aims(1.5, WHOLE)
    assert not aims.learn(0.1)
    assert aims.aim == WHOLE
