"""Matrices between common kinds of units, factored at the same time: G_i S G_j^T with G >= 0.

Penalised matrix tri-factorisation (Wang, Li and Ding 2008; Zitnik and Zupan 2015) of the layers of
a net: the units of each layer are one kind, its weights relate them to the units of the layer
before, and the groups of units (G, not negative) are those of all weights that make or read them.
How groups depend on groups (S) has any sign. A convolution is one matrix for each of its taps, with
a core of its own between the same groups, as in a Tucker-2 decomposition.

The cores are always the best ones for their factors. The factors are updated by multiplication, as
in semi-NMF (Ding, Li and Jordan 2010), which never makes the objective larger; where units of one
kind make each other nothing promises that, and a shorter step is taken. It starts from positive and
negative parts of leading eigenvectors (Boutsidis and Gallopoulos 2008), so that nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.linalg.trifactor_terms import FactorState, RelationTerm, chosen, units_key
from netsurgery.progress import Progress, silent

SWEEPS = 200
SETTLED = 1e-5
"""Relative change of the objective in a sweep below which the iteration ends."""

_EXPONENTS = (0.5, 0.25, 0.125)
"""Of the ratio that factors are multiplied by; the first is that of the proof, the others are for
matrices of units of one kind with each other."""
_LIFT = 0.5
"""Share of the mean that entries of a start are above zero, as what is zero stays zero."""


class FactoredRelation(NamedTuple):
    """The weights between two kinds of units.

    Attributes:
        rows: Number of the kind of units that are made.
        columns: Number of the kind that is read.
        taps: Shape (taps, made, read): a matrix for each tap of a convolution, or each place.
        row_units: Which units of their kind the rows are, each once; None: all, in order.
        column_units: The same of the columns.
        weight: What a square counts in the objective, as a share of what makes all relations count
            alike (``1 / ||taps||^2``).
    """

    rows: int
    columns: int
    taps: np.ndarray
    row_units: Optional[np.ndarray] = None
    column_units: Optional[np.ndarray] = None
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class TriFactors:
    """Factors of relations.

    Attributes:
        factors: For each kind of units float64 (units, rank): not negative, columns of length 1, or
            0 where the units have nothing more to tell.
        cores: For each relation float64 (taps, rank of the rows, rank of the columns).
        objective: Share of the weighted squares that is not explained, at the start and after each
            sweep. It never rises, but for rounding of those squares.
    """

    factors: Dict[int, np.ndarray]
    cores: List[np.ndarray]
    objective: List[float]

    def product(self, relation: FactoredRelation, number: int) -> np.ndarray:
        """Return what the factors make of a relation.

        Args:
            relation: The relation.
            number: Its number among those that were factored.

        Returns:
            float64, of the shape of its taps.
        """
        left = chosen(self.factors[relation.rows], relation.row_units)
        right = chosen(self.factors[relation.columns], relation.column_units)
        return left @ self.cores[number] @ right.T


def tri_factorise(
    relations: Sequence[FactoredRelation],
    ranks: Mapping[int, int],
    *,
    sweeps: int = SWEEPS,
    settled: float = SETTLED,
    progress: Progress = silent,
) -> TriFactors:
    """Factor relations with common factors for each kind of units.

    A sweep multiplies every relation by the factor on either side once.

    Args:
        relations: One or more.
        ranks: For each kind of units how many groups it has, between 1 and the number of units.
        sweeps: How many at most.
        settled: Relative change of the objective in a sweep below which the iteration ends.
        progress: Told each sweep.

    Raises:
        ValueError: A rank does not fit, sizes do not agree, or a weight is NaN or infinite.
    """
    sizes = _sizes(relations)
    for kind, size in sizes.items():
        if not 1 <= ranks[kind] <= size:
            raise ValueError(f"rank {ranks[kind]} of {size} units")
    terms = [RelationTerm(relation, ranks) for relation in relations]
    state = FactorState(
        {kind: _start(kind, size, ranks[kind], terms) for kind, size in sizes.items()}
    )
    total = sum(term.energy for term in terms)
    cores, explained = _best_cores(terms, state)
    objective = [_share(total - explained, total)]
    with progress.task("factoring weights", sweeps, "sweeps") as task:
        for _ in range(sweeps):
            for kind in (kind for kind, size in sizes.items() if size > 1):
                state.put(kind, _updated(kind, terms, state, cores))
            cores, explained = _best_cores(terms, state)
            objective.append(_share(total - explained, total))
            task.advance()
            if objective[-2] - objective[-1] <= settled * objective[-2]:
                break
    return _normalised(terms, state, cores, objective)


def units_as_taps(taps: np.ndarray, made: bool, read: bool) -> np.ndarray:
    """Return taps of which the units on one side, or on both, are taps of their own.

    So what those units have in common is not looked for, and they are in no groups.

    Args:
        taps: Shape (taps, made, read).
        made: Whether the units that are made become taps.
        read: Whether those that are read do.

    Returns:
        A size of 1 for each side that was made taps.
    """
    if read:
        taps = taps.transpose(0, 2, 1).reshape(-1, taps.shape[1], 1)
    if made:
        taps = taps.reshape(-1, 1, taps.shape[2])
    return taps


class _Equation(NamedTuple):
    """Of some units of a kind: the objective is ``<G B, G> - 2 <G, A>`` in their rows of G."""

    units: Optional[np.ndarray]
    wanted: np.ndarray
    gram: np.ndarray

    def lost(self, factor: np.ndarray) -> float:
        rows = chosen(factor, self.units)
        return float(np.vdot(rows @ self.gram, rows) - 2 * np.vdot(rows, self.wanted))


def _share(part: float, total: float) -> float:
    return max(part, 0.0) / total if total else 0.0


def _sizes(relations: Sequence[FactoredRelation]) -> Dict[int, int]:
    """How many units each kind has, the kinds in rising order."""
    sizes: Dict[int, int] = {}
    for relation in relations:
        _, made, read = relation.taps.shape
        sides = (relation.rows, relation.row_units, made)
        others = (relation.columns, relation.column_units, read)
        for kind, units, count in (sides, others):
            if units is not None and len(units) != count:
                raise ValueError(f"{len(units)} units are named for {count} rows or columns")
            least = count if units is None else int(units.max()) + 1
            sizes[kind] = max(sizes.get(kind, 0), least)
    for relation in relations:
        _, made, read = relation.taps.shape
        short = relation.row_units is None and made != sizes[relation.rows]
        if short or (relation.column_units is None and read != sizes[relation.columns]):
            raise ValueError("relations of one kind of units differ in how many there are")
    return dict(sorted(sizes.items()))


def _start(kind: int, size: int, rank: int, terms: Sequence[RelationTerm]) -> np.ndarray:
    """Positive and negative parts of the leading eigenvectors of what is known of the units."""
    from scipy.linalg import eigh

    gram = np.zeros((size, size))
    for term in terms:
        for side, units, products in (
            (term.rows, term.row_units, term.row_products),
            (term.columns, term.column_units, term.column_products),
        ):
            if side == kind:
                at = np.arange(size) if units is None else units
                gram[np.ix_(at, at)] += products()
    vectors = eigh(gram, subset_by_index=(size - rank, size - 1))[1][:, ::-1]
    signs = np.where(vectors[np.abs(vectors).argmax(0), range(rank)] < 0, -1.0, 1.0)
    both = np.stack([vectors * signs, -vectors * signs], axis=2).reshape(size, -1).clip(0)
    both = both[:, both.any(axis=0)][:, :rank]
    return both + _LIFT * both.mean(axis=0)


def _best_cores(
    terms: Sequence[RelationTerm], state: FactorState
) -> Tuple[List[np.ndarray], float]:
    """The least-squares cores, and the weighted squares that they explain."""
    cores, explained = [], 0.0
    for term in terms:
        left, right = term.left(state), term.right(state)
        seen = left.vectors.T @ (term.times_right(state) @ right.inverse)
        cores.append(left.inverse @ seen @ right.inverse.T)
        explained += term.scale * float(np.vdot(seen, seen))
    return cores, explained


def _updated(
    kind: int, terms: Sequence[RelationTerm], state: FactorState, cores: Sequence[np.ndarray]
) -> np.ndarray:
    """The factor of one kind after a step that does not make the objective larger."""
    factor = state.factors[kind]
    plain: List[_Equation] = []
    within: List[_Equation] = []
    twice: List[Tuple[RelationTerm, np.ndarray]] = []
    for term, core in zip(terms, cores):
        found = within if term.rows == term.columns else plain
        if term.rows == kind:
            found.append(_Equation(term.row_units, *term.row_equation(state, core)))
        if term.columns == kind:
            found.append(_Equation(term.column_units, *term.column_equation(state, core)))
        if term.rows == term.columns == kind:
            twice.append((term, core))
    ratio = _ratio(factor, plain + within)
    if not twice:
        return factor * np.sqrt(ratio)  # as has been proved

    def lost(candidate: np.ndarray) -> float:
        mixed = sum(term.lost(candidate, core) for term, core in twice)
        return mixed + sum(equation.lost(candidate) for equation in plain)

    before = lost(factor)
    for exponent in _EXPONENTS:
        moved = factor * ratio**exponent
        if lost(moved) <= before:
            return moved
    return factor


def _ratio(factor: np.ndarray, equations: Sequence[_Equation]) -> np.ndarray:
    """What draws each entry up over what draws it down; 1 where nothing does."""
    wanted = np.zeros_like(factor)
    grams: Dict[bytes, Tuple[Optional[np.ndarray], np.ndarray]] = {}
    for units, part, gram in equations:
        key = units_key(units)
        rows = slice(None) if units is None else units
        wanted[rows] += part
        grams[key] = (units, grams[key][1] + gram if key in grams else gram)
    up, down = wanted.clip(0), (-wanted).clip(0)
    for units, gram in grams.values():
        rows = slice(None) if units is None else units
        up[rows] += factor[rows] @ (-gram).clip(0)
        down[rows] += factor[rows] @ gram.clip(0)
    least = np.finfo(np.float64).eps * max(float(up.max()), float(down.max()))
    return (up + least) / (down + least) if least else np.ones_like(factor)


def _normalised(
    terms: Sequence[RelationTerm],
    state: FactorState,
    cores: Sequence[np.ndarray],
    objective: List[float],
) -> TriFactors:
    """The same products with columns of length 1."""
    factors = state.factors
    lengths = {kind: np.linalg.norm(factor, axis=0) for kind, factor in factors.items()}
    unit = {
        kind: np.divide(factor, lengths[kind], out=np.zeros_like(factor), where=lengths[kind] > 0)
        for kind, factor in factors.items()
    }
    scaled = [
        core * lengths[term.rows][:, None] * lengths[term.columns]
        for term, core in zip(terms, cores)
    ]
    turned = [core.transpose(0, 2, 1) if term.turned else core for term, core in zip(terms, scaled)]
    return TriFactors(unit, turned, objective)
