from __future__ import annotations

from itertools import product
from typing import Optional, Sequence

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.costs import Independent
from netsurgery.costs.knapsack import RATE, Table, cheapest, solve
from netsurgery.errors import PlanError

ROUNDING = 1e-9  # of sums of a few losses below 4


def make_tables(seed: int, layers: int, choices: int, budgets: int) -> list[Table]:
    """Layers whose first choice costs 100 in each budget and loses nothing."""
    random = np.random.default_rng(seed)
    return [
        Table(
            np.append(0.0, 4 * random.random(choices - 1)),
            np.concatenate(
                [
                    np.full((1, budgets), 100),
                    random.integers(1, 120, (choices - 1, budgets)),
                ]
            ),
        )
        for _ in range(layers)
    ]


def chosen(tables: list[Table], limits: Sequence[float]) -> Optional[tuple[int, ...]]:
    """What is taken where there is all the time that it takes."""
    found = solve(tables, limits)
    assert found is None or found.gap == 0
    return found and found.numbers


def loss_of(tables: list[Table], numbers: tuple[int, ...]) -> float:
    return float(sum(table.losses[number] for table, number in zip(tables, numbers)))


def spent(tables: list[Table], numbers: tuple[int, ...]) -> np.ndarray:
    return np.sum([table.costs[number] for table, number in zip(tables, numbers)], axis=0)


def by_brute_force(tables: list[Table], limits: list[int]) -> Optional[float]:
    every = product(*(range(len(table.losses)) for table in tables))
    fitting = (numbers for numbers in every if (spent(tables, numbers) <= limits).all())
    return min((loss_of(tables, numbers) for numbers in fitting), default=None)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    limits=st.lists(st.integers(3, 310), min_size=1, max_size=3),
)
def test_it_finds_what_trying_all_finds(seed: int, limits: list[int]) -> None:
    tables = make_tables(seed, 3, 10, len(limits))
    found = chosen(tables, limits)
    best = by_brute_force(tables, limits)
    if found is None:
        assert best is None
    else:
        assert loss_of(tables, found) == pytest.approx(best, abs=ROUNDING)
        assert (spent(tables, found) <= limits).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), budgets=st.integers(1, 2))
def test_a_larger_budget_never_loses_more(seed: int, budgets: int) -> None:
    tables = make_tables(seed, 6, 12, budgets)
    least = cheapest(tables)
    losses = []
    for share in np.linspace(0, 1, 9):
        limits = least + share * (600 - least)
        found = chosen(tables, limits)
        if found is not None:
            assert (spent(tables, found) <= limits).all()
            losses.append(loss_of(tables, found))
        else:
            assert not losses, "a smaller budget could be met"
    assert all(a >= b - ROUNDING for a, b in zip(losses, losses[1:]))
    assert losses[-1] == 0.0


def test_a_full_budget_takes_the_first_choice_of_each() -> None:
    tables = make_tables(0, 4, 5, 1)
    free = Table(np.zeros(3), np.array([[100], [50], [10]]))
    assert chosen([*tables, free], [500]) == (0, 0, 0, 0, 0)


def test_what_costs_less_and_loses_nothing_is_taken_where_the_budget_is_short() -> None:
    free = Table(np.zeros(3), np.array([[100], [50], [10]]))
    dear = Table(np.array([0.0, 1.0]), np.array([[100], [10]]))
    assert chosen([free, dear], [150]) == (2, 0)


def test_equals_are_decided_alike_every_time() -> None:
    twin = Table(np.array([0.0, 1.0, 1.0]), np.array([[10], [5], [5]]))
    found = [chosen([twin, twin, twin], [20]) for _ in range(3)]
    assert found[0] is not None
    assert len(set(found)) == 1
    assert sorted(found[0]) == [0, 1, 1]


def test_there_may_be_no_layer_at_all() -> None:
    assert chosen([], [0]) == ()
    assert solve([], [-1]) is None


def test_it_says_when_nothing_fits() -> None:
    tables = make_tables(3, 3, 10, 2)
    assert solve(tables, (cheapest(tables) - 1).tolist()) is None


def test_many_layers_with_many_choices_are_no_trouble() -> None:
    tables = make_tables(5, 40, 60, 1)
    found = chosen(tables, [1500])
    assert found is not None
    assert spent(tables, found) <= 1500


@given(
    seed=st.integers(0, 2**32 - 1),
    limits=st.lists(st.integers(30, 310), min_size=1, max_size=3),
    most=st.integers(0, 500),
)
def test_what_is_stopped_fits_and_says_how_far_it_is_from_the_best(
    seed: int, limits: list[int], most: int
) -> None:
    tables = make_tables(seed, 3, 10, len(limits))
    best = by_brute_force(tables, limits)
    try:
        found = solve(tables, limits, most)
    except PlanError:
        assert len(limits) > 1  # a single budget is always kept to
        return
    if found is None:
        assert best is None
        return
    assert best is not None
    assert (spent(tables, found.numbers) <= limits).all()
    loss = loss_of(tables, found.numbers)
    assert loss - found.gap <= best + ROUNDING
    assert best <= loss + ROUNDING
    assert found == solve(tables, limits, most)


def test_a_net_of_many_layers_in_several_budgets_is_stopped_in_time() -> None:
    tables = make_tables(7, 40, 40, 3)
    limits = dict.fromkeys(("macs", "params", "bytes"), 1600.0)
    best, stopped = (
        Independent(list(limits), tables, work / RATE).solve(limits) for work in (1e9, 1e6)
    )
    assert best is not None
    assert stopped is not None
    assert best.gap == 0
    assert (spent(tables, stopped.numbers) <= 1600).all()
    assert stopped.loss - stopped.gap <= best.loss + ROUNDING
    # The linear relaxation tells the bound; its best mixes the choices of three layers of forty.
    assert 0 < stopped.gap < 0.1 * stopped.loss


def test_no_more_is_looked_at_than_is_allowed_and_more_finds_no_worse() -> None:
    tables = make_tables(9, 12, 20, 2)
    short, long = (solve(tables, [500, 500], most) for most in (100, 1e9))
    assert short is not None
    assert long is not None
    assert short.gap > 0 == long.gap
    assert loss_of(tables, long.numbers) <= loss_of(tables, short.numbers) + ROUNDING
    assert loss_of(tables, long.numbers) >= loss_of(tables, short.numbers) - short.gap - ROUNDING


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_in_what_unit_losses_are_makes_no_difference(unit: float) -> None:
    random = np.random.default_rng(0)
    tables = [
        Table(np.append(0.0, random.uniform(size=9)), np.append(10.0, random.uniform(1, 9, 9)))
        for _ in range(5)
    ]
    tables = [Table(one.losses, one.costs[:, None]) for one in tables]
    scaled = [Table(one.losses * unit, one.costs) for one in tables]
    (found, other) = (solve(each, [30.0]) for each in (tables, scaled))
    assert found is not None
    assert other is not None
    assert other.numbers == found.numbers
