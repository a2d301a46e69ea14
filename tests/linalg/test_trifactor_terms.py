"""What tri-factorisation works on, held against the definitions."""

from __future__ import annotations

from typing import Optional

import numpy as np
import pytest

from netsurgery.linalg.trifactor import FactoredRelation, tri_factorise
from netsurgery.linalg.trifactor_terms import FactorBasis, FactorState, RelationTerm
from netsurgery.progress import Event, Progress

RANKS = {0: 3, 1: 4}


def factor(units: int, rank: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).rand(units, rank)


@pytest.mark.parametrize(
    "given",
    [
        factor(9, 4),
        np.hstack([factor(9, 2), factor(9, 2)]),
        factor(9, 4) * [1, 0, 1, 1],
        factor(3, 5),
        np.zeros((4, 2)),
    ],
    ids=["full", "twice the same", "an empty group", "fewer units than groups", "nothing"],
)
def test_a_basis_spans_what_the_factor_does_and_solves_least_squares(given: np.ndarray) -> None:
    found = FactorBasis.of(given)
    vectors = found.vectors
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-12)
    np.testing.assert_allclose(given @ found.inverse, vectors, atol=1e-10)
    expected = given @ np.linalg.pinv(given, rcond=1e-10)
    np.testing.assert_allclose(given @ found.inverse @ vectors.T, expected, atol=1e-10)
    np.testing.assert_allclose(found.gram, given.T @ given, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 6, 60), (2, 60, 6)], ids=["wide", "tall"])
@pytest.mark.parametrize("units", [None, np.array([3, 1, 4, 0, 5, 2])])
def test_equations_are_those_of_the_objective(shape: tuple, units: Optional[np.ndarray]) -> None:
    """``<G B, G> - 2 <G, A>`` for either side, whichever way round the relation is worked on."""
    random = np.random.RandomState(1)
    sides = [units if size == 6 else None for size in shape[1:]]
    relation = FactoredRelation(1, 0, random.randn(*shape), *sides, weight=3.0)
    term = RelationTerm(relation, RANKS)
    state = FactorState({kind: factor(shape[2 - kind], RANKS[kind], kind) for kind in RANKS})
    core = random.randn(2, RANKS[1], RANKS[0])
    own = core.transpose(0, 2, 1) if term.turned else core
    left, right = state.of(1, sides[0]), state.of(0, sides[1])
    squares = np.vdot(relation.taps, relation.taps)
    away = relation.taps - left @ core @ right.T
    wanted = 3.0 * (np.vdot(away, away) / squares - 1)
    assert term.energy == pytest.approx(3.0)
    for equation, kind in (
        (term.row_equation, term.rows),
        (term.column_equation, term.columns),
    ):
        pulled, gram = equation(state, own)
        mine = left if kind == 1 else right
        found = np.vdot(mine @ gram, mine) - 2 * np.vdot(mine, pulled)
        assert found == pytest.approx(wanted, rel=1e-12)


def test_a_relation_is_turned_to_the_side_that_takes_fewer_operations() -> None:
    wide = RelationTerm(FactoredRelation(1, 0, np.ones((1, 40, 50))), {0: 30, 1: 3})
    narrow = RelationTerm(FactoredRelation(1, 0, np.ones((1, 40, 50))), {0: 3, 1: 30})
    assert (wide.turned, narrow.turned) == (True, False)
    assert (wide.rows, wide.columns) == (0, 1)


def test_in_a_sweep_each_factor_is_decomposed_and_each_relation_multiplied_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.RandomState(0)
    sizes = (12, 10, 8, 6)
    relations = [
        FactoredRelation(number + 1, number, random.randn(1, made, read))
        for number, (read, made) in enumerate(zip(sizes, sizes[1:]))
    ]
    counts = {"bases": 0, "products": 0}
    of, times = FactorBasis.of, RelationTerm._times

    def basis(given: np.ndarray) -> FactorBasis:
        counts["bases"] += 1
        return of(given)

    def product(taps: np.ndarray, right: np.ndarray) -> np.ndarray:
        counts["products"] += 1
        return times(taps, right)

    monkeypatch.setattr(FactorBasis, "of", basis)
    monkeypatch.setattr(RelationTerm, "_times", staticmethod(product))
    seen = []
    for sweeps in (5, 6):
        counts.update(bases=0, products=0)
        tri_factorise(relations, dict.fromkeys(range(4), 3), sweeps=sweeps, settled=0)
        seen.append(dict(counts))
    assert seen[1]["bases"] - seen[0]["bases"] == len(sizes)
    # A product with a factor that has not changed since is not made again.
    assert seen[1]["products"] - seen[0]["products"] <= 2 * len(relations)


def test_every_sweep_is_told() -> None:
    told: list[Event] = []
    relation = FactoredRelation(1, 0, np.random.RandomState(0).randn(1, 6, 5))
    found = tri_factorise(
        [relation], {0: 2, 1: 2}, sweeps=4, settled=0, progress=Progress(told.append)
    )
    states = [event.tasks[-1] for event in told if event.tasks]
    assert [state.done for state in states] == [0, 1, 2, 3, 4]
    assert {(state.name, state.total) for state in states} == {("factoring weights", 4)}
    assert len(found.objective) == 5
