"""The fewest changes that fail: held to all sets of changes, tried one by one."""

from __future__ import annotations

from itertools import combinations
from typing import FrozenSet, List, Set, Tuple

import pytest
from hypothesis import given, strategies as st

from netsurgery.bisection import CheckOutcome, minimize_failing, smallest_passing

CULPRITS = st.sets(st.integers(0, 15), min_size=1, max_size=4)


def outcome(fails: bool) -> CheckOutcome:
    return CheckOutcome.FAILS if fails else CheckOutcome.PASSES


@given(st.integers(16, 40), CULPRITS)
def test_changes_that_fail_together_are_all_that_is_left(count: int, culprits: Set[int]) -> None:
    asked: List[Tuple[int, ...]] = []

    def check(changes: Tuple[int, ...]) -> CheckOutcome:
        asked.append(changes)
        assert changes == tuple(sorted(changes))
        return outcome(culprits <= set(changes))

    found = minimize_failing(count, check)
    assert set(found.changes) == culprits
    assert found.checks == len(asked) == len(set(asked)) <= count**2 + 3 * count


@given(st.sets(st.frozensets(st.integers(0, 5), min_size=1, max_size=3), min_size=1, max_size=4))
def test_no_change_can_be_left_out_of_what_is_found(failing: Set[FrozenSet[int]]) -> None:
    def fails(changes: Tuple[int, ...]) -> bool:
        return any(one <= set(changes) for one in failing)

    found = minimize_failing(6, lambda changes: outcome(fails(changes))).changes
    assert fails(found)
    assert not any(fails(less) for less in combinations(found, len(found) - 1))


@pytest.mark.parametrize("culprit", [0, 31, 63])
def test_one_culprit_of_many_takes_few_checks(culprit: int) -> None:
    found = minimize_failing(64, lambda changes: outcome(culprit in changes))
    assert found.changes == (culprit,)
    assert found.checks <= 2 * 6


def test_what_cannot_be_checked_is_not_taken_for_a_failure() -> None:
    def check(changes: Tuple[int, ...]) -> CheckOutcome:
        if (0 in changes) != (1 in changes):  # neither net is one without the other
            return CheckOutcome.UNRESOLVED
        return outcome({0, 1} <= set(changes))

    assert minimize_failing(8, check).changes == (0, 1)


@given(st.integers(1, 300), st.integers(1, 320))
def test_the_smallest_that_passes(largest: int, least: int) -> None:
    found, tried = smallest_passing(largest, lambda number: outcome(number < least))
    assert found == (least if least <= largest else None)
    assert len(tried) <= 1 + largest.bit_length()
    assert all((number >= least) == (one is CheckOutcome.PASSES) for number, one in tried.items())
