"""What tri-factorisation works on: relations, and the factors as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Mapping, NamedTuple, Optional, Tuple

import numpy as np

if TYPE_CHECKING:
    from netsurgery.linalg.trifactor import FactoredRelation

_LEAST = 1e-10
"""Share of the largest singular value of a factor below which directions count as none."""


def chosen(factor: np.ndarray, units: Optional[np.ndarray]) -> np.ndarray:
    """Return the rows of some units; None: all."""
    return factor if units is None else factor[units]


def units_key(units: Optional[np.ndarray]) -> bytes:
    """Return what tells some units of a kind from others."""
    return b"" if units is None else units.tobytes()


class FactorBasis(NamedTuple):
    """Orthonormal vectors (units, found) of what a factor spans, and the factor's coordinates.

    ``inverse @ vectors.T`` solves least squares, as a pseudo-inverse of the factor does, and
    ``factor @ inverse`` are the vectors; ``gram`` are the products of its columns.
    """

    vectors: np.ndarray
    inverse: np.ndarray
    gram: np.ndarray

    @classmethod
    def of(cls, factor: np.ndarray) -> FactorBasis:
        """Return those of a factor, shape (units, rank).

        By a QR decomposition, and by singular vectors where columns depend on each other.
        """
        from scipy.linalg import lapack

        lengths = np.linalg.norm(factor, axis=0)
        over = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        vectors, triangle = np.linalg.qr(factor * over)
        gram = (triangle * lengths).T @ (triangle * lengths)
        if len(triangle) == len(lengths):
            inverse, singular = lapack.dtrtri(triangle)
            if not singular and np.linalg.norm(inverse) * np.linalg.norm(triangle) < 1 / _LEAST:
                return cls(vectors, over[:, None] * inverse, gram)
        turned, values, back = np.linalg.svd(triangle, full_matrices=False)
        kept = values > _LEAST * values[0]
        inverse = over[:, None] * back[kept].T / values[kept]
        return cls(vectors @ turned[:, kept], inverse, gram)


class FactorState:
    """The factors as they are; what follows from one is worked out once, until it is another.

    Attributes:
        factors: For each kind of units float64 (units, rank).
    """

    def __init__(self, factors: Dict[int, np.ndarray]) -> None:
        self.factors = factors
        self._bases: Dict[int, Dict[bytes, FactorBasis]] = {kind: {} for kind in factors}

    def of(self, kind: int, units: Optional[np.ndarray]) -> np.ndarray:
        """Return the rows of some units; None: of all."""
        return chosen(self.factors[kind], units)

    def basis(self, kind: int, units: Optional[np.ndarray]) -> FactorBasis:
        """Return a basis of these rows."""
        key, known = units_key(units), self._bases[kind]
        if key not in known:
            known[key] = FactorBasis.of(self.of(kind, units))
        return known[key]

    def put(self, kind: int, factor: np.ndarray) -> None:
        """Take in another factor."""
        self.factors[kind], self._bases[kind] = factor, {}


class RelationTerm:
    """A relation in float64, what its squares count, and its last product from the right.

    It is turned over where that takes fewer operations: large products are with the factor on the
    right alone.

    Attributes:
        taps: Shape (taps, rows, columns), as it is worked on.
        turned: Whether its rows are the columns of the relation.
        rows: Number of the kind of its rows, and ``row_units`` which of that kind; None: all.
        columns: The same of its columns, with ``column_units``.
        scale: What a square counts in the objective.
        energy: All its squares, so counted.
    """

    def __init__(self, relation: FactoredRelation, ranks: Mapping[int, int]) -> None:
        self.taps = np.ascontiguousarray(relation.taps, np.float64)
        sides = [
            (relation.rows, relation.row_units, ranks[relation.rows]),
            (relation.columns, relation.column_units, ranks[relation.columns]),
        ]
        (made, few), (read, many) = zip(self.taps.shape[1:], (rank for _, _, rank in sides))
        self.turned = read * few * (2 * made + 3 * many) < made * many * (2 * read + 3 * few)
        if self.turned:
            self.taps = np.ascontiguousarray(self.taps.transpose(0, 2, 1))
            sides.reverse()
        (self.rows, self.row_units, _), (self.columns, self.column_units, _) = sides
        squares = float(np.vdot(self.taps, self.taps))
        if not np.isfinite(squares):
            raise ValueError("the weights hold NaN or Inf")
        self.scale = relation.weight / squares if squares else 0.0
        self.energy = self.scale * squares
        self._by: Optional[np.ndarray] = None
        self._right = np.zeros(0)

    def row_products(self) -> np.ndarray:
        """Return how like each other rows are: the products of all that stands in them."""
        rows = self.taps.transpose(1, 0, 2).reshape(self.taps.shape[1], -1)
        return self.scale * (rows @ rows.T)

    def column_products(self) -> np.ndarray:
        """Return the same of columns."""
        columns = self.taps.reshape(-1, self.taps.shape[2])
        return self.scale * (columns.T @ columns)

    def left(self, state: FactorState) -> FactorBasis:
        """Return the basis of the factor of the rows."""
        return state.basis(self.rows, self.row_units)

    def right(self, state: FactorState) -> FactorBasis:
        """Return that of the columns."""
        return state.basis(self.columns, self.column_units)

    def times_right(self, state: FactorState) -> np.ndarray:
        """Return the taps times the factor of the columns; kept until that is another array."""
        if self._by is not state.factors[self.columns]:
            self._by = state.factors[self.columns]
            self._right = self._times(self.taps, state.of(self.columns, self.column_units))
        return self._right

    def row_equation(self, state: FactorState, core: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return A and B of the objective ``<G B, G> - 2 <G, A>`` in the factor G of the rows."""
        wanted = np.tensordot(self.times_right(state), core, ((0, 2), (0, 2)))
        gram = np.tensordot(core @ self.right(state).gram, core, ((0, 2), (0, 2)))
        return self.scale * wanted, self.scale * gram

    def column_equation(
        self, state: FactorState, core: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return the same in the factor of the columns."""
        spread = np.matmul(state.of(self.rows, self.row_units), core)
        read = self.taps.shape[2]
        wanted = self.taps.reshape(-1, read).T @ spread.reshape(-1, core.shape[2])
        gram = np.tensordot(self.left(state).gram @ core, core, ((0, 1), (0, 1)))
        return self.scale * wanted, self.scale * gram

    def lost(self, factor: np.ndarray, core: np.ndarray) -> float:
        """Return the objective of a relation of one kind with itself, but for its own squares.

        Args:
            factor: The factor of that kind.
            core: What groups make of groups.
        """
        left, right = chosen(factor, self.row_units), chosen(factor, self.column_units)
        crossed = np.vdot(left.T @ self._times(self.taps, right), core)
        squares = np.vdot((left.T @ left) @ core, core @ (right.T @ right))
        return self.scale * float(squares - 2 * crossed)

    @staticmethod
    def _times(taps: np.ndarray, right: np.ndarray) -> np.ndarray:
        """In one product for all taps."""
        return (taps.reshape(-1, len(right)) @ right).reshape(*taps.shape[:2], -1)
