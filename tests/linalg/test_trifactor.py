from __future__ import annotations

from typing import Optional, Sequence

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from netsurgery.linalg.trifactor import FactoredRelation, TriFactors, tri_factorise

# What the objective may rise by: each is 1 less a sum of up to some hundred squares in float64.
ROUNDING = 1e-13


def planted(
    seed: int,
    sizes: Sequence[int] = (30, 40, 20),
    ranks: Sequence[int] = (4, 5, 3),
    taps: Sequence[int] = (1, 9),
) -> list[FactoredRelation]:
    """A chain of relations that common factors, none below 0, and cores of any sign make."""
    random = np.random.RandomState(seed)
    factors = [random.rand(size, rank) for size, rank in zip(sizes, ranks)]
    cores = [random.randn(k, r, s) for k, r, s in zip(taps, ranks[1:], ranks)]
    return [
        FactoredRelation(number + 1, number, factors[number + 1] @ core @ factors[number].T)
        for number, core in enumerate(cores)
    ]


def random_relation(random: np.random.RandomState, rows: int, columns: int, *shape: int):
    return FactoredRelation(rows, columns, random.randn(*shape))


def share_lost(found: TriFactors, relations: Sequence[FactoredRelation]) -> float:
    """The objective as it is defined."""
    lost = total = 0.0
    for number, relation in enumerate(relations):
        away = np.linalg.norm(relation.taps - found.product(relation, number))
        lost += relation.weight * (away / np.linalg.norm(relation.taps)) ** 2
        total += relation.weight
    return lost / total


def never_rises(found: TriFactors) -> bool:
    return bool((np.diff(found.objective) <= ROUNDING).all())


@pytest.mark.parametrize("seed", range(4))
def test_planted_factors_are_found(seed: int) -> None:
    relations = planted(seed)
    found = tri_factorise(relations, {0: 4, 1: 5, 2: 3}, sweeps=400, settled=0)
    # Multiplicative updates are slow: the known figures of other starts are 2e-3 after 100 to 400.
    assert found.objective[-1] < 1e-3
    assert never_rises(found)
    assert all((factor >= 0).all() for factor in found.factors.values())
    assert any((core < 0).any() for core in found.cores)


def test_columns_of_factors_have_length_one() -> None:
    found = tri_factorise(planted(0), {0: 4, 1: 5, 2: 3}, sweeps=3)
    for factor in found.factors.values():
        np.testing.assert_allclose(np.linalg.norm(factor, axis=0), 1, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    taps=st.integers(1, 3),
    ranks=st.tuples(*[st.integers(1, 5)] * 3),
    weight=st.sampled_from([0.1, 1.0, 30.0]),
)
def test_the_objective_is_as_defined_and_never_rises(
    seed: int, taps: int, ranks: tuple[int, int, int], weight: float
) -> None:
    """Chains with a branch; the last kind of units reads itself, which no theorem covers."""
    random = np.random.RandomState(seed)
    relations = [
        random_relation(random, 1, 0, taps, 6, 5),
        random_relation(random, 2, 1, 1, 7, 6),
        random_relation(random, 2, 0, 1, 7, 5)._replace(weight=weight),
        random_relation(random, 2, 2, taps, 7, 7),
    ]
    found = tri_factorise(relations, dict(enumerate(ranks)), sweeps=15, settled=0)
    assert never_rises(found)
    assert found.objective[-1] == pytest.approx(share_lost(found, relations), abs=1e-12)


def test_cores_are_those_of_least_squares() -> None:
    relations = planted(1)
    relations = [one._replace(taps=one.taps + 1) for one in relations]
    found = tri_factorise(relations, {0: 3, 1: 4, 2: 2}, sweeps=5)
    for number, relation in enumerate(relations):
        left, right = found.factors[relation.rows], found.factors[relation.columns]
        away = relation.taps - found.product(relation, number)
        # What is left is orthogonal to both factors, which is what the normal equations say.
        np.testing.assert_allclose(left.T @ away @ right, 0, atol=1e-10 * np.abs(away).max())


def test_full_ranks_lose_nothing() -> None:
    random = np.random.RandomState(0)
    relation = random_relation(random, 1, 0, 2, 6, 5)
    found = tri_factorise([relation], {0: 5, 1: 6})
    # Of squares: the root of it is a relative distance of 1e-6, as the equations square it.
    assert found.objective[-1] < 1e-12


def test_relations_of_some_units_are_those_of_all_with_the_others_left_out() -> None:
    """Two runs of a convolution in groups, or the parts of a Concat: blocks of one matrix."""
    random = np.random.RandomState(3)
    units = np.array([4, 0, 2]), np.array([1, 3, 5])
    blocks = [random.randn(2, 4, 3), random.randn(2, 4, 3)]
    found = tri_factorise(
        [
            FactoredRelation(1, 0, block, np.arange(4) + 4 * number, units[number])
            for number, block in enumerate(blocks)
        ],
        {0: 2, 1: 3},
        sweeps=20,
    )
    assert never_rises(found)
    assert [found.factors[kind].shape for kind in (0, 1)] == [(6, 2), (8, 3)]
    whole = tri_factorise([FactoredRelation(1, 0, blocks[0])], {0: 2, 1: 3}, sweeps=20)
    reordered = FactoredRelation(1, 0, blocks[0], np.array([3, 1, 0, 2]), np.array([2, 0, 1]))
    same = tri_factorise([reordered], {0: 2, 1: 3}, sweeps=20)
    np.testing.assert_allclose(same.objective, whole.objective, rtol=1e-9)
    np.testing.assert_allclose(same.factors[0][[2, 0, 1]], whole.factors[0], atol=1e-9)


def test_the_order_of_units_changes_nothing_but_the_order() -> None:
    relations = planted(5)
    order = np.random.RandomState(0).permutation(40)
    permuted = [
        relations[0]._replace(taps=relations[0].taps[:, order]),
        relations[1]._replace(taps=relations[1].taps[:, :, order]),
    ]
    ranks = {0: 3, 1: 4, 2: 2}
    found = tri_factorise(relations, ranks, sweeps=30, settled=0)
    other = tri_factorise(permuted, ranks, sweeps=30, settled=0)
    np.testing.assert_allclose(
        other.product(permuted[0], 0), found.product(relations[0], 0)[:, order], atol=1e-8
    )


def test_the_same_relations_give_the_same_bits() -> None:
    first, second = (tri_factorise(planted(2), {0: 4, 1: 5, 2: 3}, sweeps=9) for _ in range(2))
    assert first.objective == second.objective
    assert all(np.array_equal(first.factors[kind], second.factors[kind]) for kind in range(3))


def test_a_relation_of_no_weights_and_a_unit_without_any_are_no_trouble() -> None:
    random = np.random.RandomState(0)
    taps = random.randn(1, 5, 4)
    taps[:, 2] = 0
    relations = [FactoredRelation(1, 0, taps), FactoredRelation(2, 1, np.zeros((1, 3, 5)))]
    found = tri_factorise(relations, {0: 3, 1: 3, 2: 2}, sweeps=50)
    assert never_rises(found)
    assert not np.isnan(found.objective).any()
    assert np.abs(found.product(relations[0], 0)[0, 2]).max() < 0.05 * np.abs(taps).max()
    assert not found.product(relations[1], 1).any()


def test_the_iteration_ends_when_it_settles() -> None:
    relations = planted(0)
    assert len(tri_factorise(relations, {0: 4, 1: 5, 2: 3}, sweeps=9, settled=0).objective) == 10
    assert len(tri_factorise(relations, {0: 4, 1: 5, 2: 3}, sweeps=99, settled=1).objective) == 2


@pytest.mark.parametrize(
    ("rank", "value", "units", "words"),
    [
        (6, 1.0, None, "rank 6 of 5 units"),
        (0, 1.0, None, "rank 0 of 5 units"),
        (2, np.nan, None, "NaN or Inf"),
        (2, 1.0, np.arange(3), "3 units are named for 4"),
    ],
)
def test_what_does_not_fit_is_refused(
    rank: int, value: float, units: Optional[np.ndarray], words: str
) -> None:
    relation = FactoredRelation(0, 1, np.full((1, 4, 5), value), units)
    with pytest.raises(ValueError, match=words):
        tri_factorise([relation], {0: 2, 1: rank})


def test_relations_must_agree_on_their_units() -> None:
    ones = np.ones((1, 4, 5))
    with pytest.raises(ValueError, match="differ in how many"):
        tri_factorise([FactoredRelation(0, 1, ones), FactoredRelation(1, 2, ones)], {})
