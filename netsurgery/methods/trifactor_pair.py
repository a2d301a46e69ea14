"""An InnerProduct as two, narrow where units are in groups that its neighbours speak for too.

Matrix tri-factorisation (Wang, Li and Ding 2008) makes G_n S G_c^T of a matrix, both G not
negative. As layers of their own the three would be larger than the two that they multiply out to,
whatever the ranks: with k the smaller of both, ``k (n + c) < c s + s r + r n``. So the units on one
side are in groups, the fewer ones, and two layers do. The weights that read those units, or make
them, have a say in the groups; `svd`, whose vectors have any sign, loses less of the matrix alone.
"""

from __future__ import annotations

from typing import Callable, ClassVar, Dict, Mapping, Tuple

import numpy as np

from netsurgery.formats import LayerText
from netsurgery.linalg import (
    Energies,
    FactoredRelation,
    Ranks,
    lost_energy,
    require_finite,
    singular_values,
    squared_norm,
    tri_factorise,
)
from netsurgery.methods.chain import ChainTask, Found
from netsurgery.methods.exchange import Context, Edit
from netsurgery.methods.inner_product import InnerProductPair
from netsurgery.methods.neighbours import ALONE, INPUTS, OUTPUTS, neighbours, vectors_of
from netsurgery.methods.registry import METHODS
from netsurgery.network import Model

SWEEPS = 60
SAMPLES = (0.125, 0.25, 0.5)
"""Ranks, as shares of the full one, that are fitted to tell what all ranks lose; none beyond half
of it, at which a pair of a square matrix saves nothing."""
WIDEST = 1024
"""Most units of which that is fitted; of more it takes minutes, and the loss is that of `svd`."""


@METHODS.register("trifactor_pair")
class TriFactorPair(InnerProductPair):
    """Replace an InnerProduct layer by a pair of them around groups of units.

    Those are the outputs, or the inputs where these are fewer. ``rank`` is how many groups there
    are. Beside it ``suffixes`` and ``templates``, as of `svd`.
    """

    name: ClassVar[str] = "trifactor_pair"
    options: ClassVar[tuple] = ("rank", "suffixes", "templates")

    def needs_only_its_layer(self, model: Model, edit: Edit, context: Context) -> bool:
        """Its neighbours have a say."""
        return False

    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return what ranks lose: what a truncated SVD does, times what some lose more."""
        least = lost_energy(singular_values(weights))[1:]
        full = len(least)
        shares, factors = [0.0], [1.0]
        for share in SAMPLES if full <= WIDEST else ():
            rank = max(1, round(share * full))
            if rank < full and least[rank - 1] > 0:
                shares.append(share)
                factors.append(max(_lost(weights, rank) / float(least[rank - 1]), 1.0))
        at = np.arange(1, full + 1) / full
        lost = np.minimum(least * np.interp(at, shares, factors), 1.0)
        return Energies((), np.minimum.accumulate(lost))

    def fit(self, layer: LayerText, weights: np.ndarray) -> Callable[[Ranks], float]:
        """Return what tells the loss of ranks, by factoring the matrix without its neighbours."""
        return lambda ranks: _lost(weights, ranks[0])

    def factor(self, task: ChainTask) -> Found:
        """Factor the matrix, its neighbours having a say."""
        require_finite(task.weights)
        weights, side = task.weights, _side(task.weights.shape)
        sizes = {side: min(weights.shape)}
        left, right = _pair(weights, task.ranks[0], neighbours(task.model, task.layer.name, sizes))
        norm = float(np.sqrt(squared_norm(weights)))
        away = float(np.linalg.norm(weights - left.astype(np.float64) @ right))
        return Found((right, left), away / norm if norm else 0.0)


def _side(shape: Tuple[int, ...]) -> int:
    """The side of a matrix, (outputs, inputs), that has fewer units."""
    return OUTPUTS if shape[0] <= shape[1] else INPUTS


def _lost(weights: np.ndarray, rank: int) -> float:
    """The share of ``||W||^2`` that is lost where no neighbour has a say."""
    norm = squared_norm(weights)
    left, right = _pair(weights, rank, {})
    return float(np.sum(np.square(weights - left.astype(np.float64) @ right))) / norm if norm else 0


def _pair(
    weights: np.ndarray, rank: int, spoken: Mapping[int, FactoredRelation]
) -> Tuple[np.ndarray, np.ndarray]:
    """Two float32 matrices, of which one has orthonormal vectors of what the groups span."""
    side, whole = _side(weights.shape), weights.astype(np.float64)
    units = whole if side == OUTPUTS else whole.T
    vectors = np.eye(len(units))
    if rank < len(units):
        relations = [FactoredRelation(side, ALONE, vectors_of(units @ units.T)), *spoken.values()]
        ranks: Dict[int, int] = {side: rank, ALONE: 1}
        vectors = np.linalg.qr(tri_factorise(relations, ranks, sweeps=SWEEPS).factors[side])[0]
    pair = (vectors, vectors.T @ whole) if side == OUTPUTS else (whole @ vectors, vectors.T)
    left, right = (np.ascontiguousarray(one, np.float32) for one in pair)
    return left, right
