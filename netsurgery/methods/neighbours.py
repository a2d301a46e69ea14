"""What the layers beside a layer say of the groups that its inputs and its outputs are in."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.linalg import FactoredRelation, squared_norm
from netsurgery.network import ChannelRelation, Model, channel_groups, channel_relations, prunable

NEIGHBOURS = 0.1
"""What all squares of a neighbour's weights count beside those of the layer's own."""

INPUTS, OUTPUTS, ALONE = range(3)
"""Kinds of units: what a layer reads, what it makes, and the one that stands for no groups."""


def neighbours(model: Model, name: str, sizes: Mapping[int, int]) -> Dict[int, FactoredRelation]:
    """Return what other weights that make or read the channels of a layer say of these.

    Only their products with themselves count: however many weights there are, it is a matrix
    of as many vectors as there are channels.

    Args:
        model: The model.
        name: The layer.
        sizes: For `INPUTS`, `OUTPUTS` or both, how many there are.

    Returns:
        A relation for each side of which others say something.

    Raises:
        PlanError: The weights of a neighbour hold NaN or Inf.
    """
    groups = channel_groups(model)
    shapes = {key: model.blobs(key[0])[key[1]].shape for key in prunable(model)}
    relations = channel_relations(groups, shapes)
    own = [one for one in relations if one.key == (name, 0)]
    asked = {group for one in own for group in (one.rows, one.columns)}
    grams = {side: np.zeros((size,) * 2) for side, size in sizes.items()}
    counts = dict.fromkeys(grams, 0)
    for other in relations:
        if other.key == (name, 0) or asked.isdisjoint((other.rows, other.columns)):
            continue
        taps = other.taps(model.blobs(other.key[0])[other.key[1]].view())
        norm = squared_norm(taps)
        if not np.isfinite(norm):
            raise PlanError(
                f"{name!r} is grouped by its weights too, and they hold NaN or Inf",
                layer=other.key[0],
                remedy="see `netsurgery doctor`",
            )
        turned = taps.transpose(0, 2, 1)
        sides = (
            (other.rows, other.row_channels, taps),
            (other.columns, other.column_channels, turned),
        )
        for group, channels, vectors in sides if norm else ():
            for side, positions in _positions(own, group):
                if side not in grams:
                    continue
                at = np.array([positions.get(one, -1) for one in channels.tolist()])
                own_at = at[at >= 0]
                grams[side][np.ix_(own_at, own_at)] += _gram(vectors, at >= 0) / norm
                counts[side] += 1
    return {
        side: FactoredRelation(side, ALONE, vectors_of(gram), weight=NEIGHBOURS * counts[side])
        for side, gram in grams.items()
        if counts[side]
    }


def _gram(vectors: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Products of some units' vectors, shape (taps, units, rest), one tap after the other.

    A neighbour may be far larger than the layer: all of it in float64 is not wanted at once.
    """
    parts = (one[wanted].astype(np.float64) for one in vectors)
    total = np.zeros((np.count_nonzero(wanted),) * 2)
    for part in parts:
        total += part @ part.T
    return total


def _positions(own: Sequence[ChannelRelation], group: int) -> Iterator[Tuple[int, Dict[int, int]]]:
    """Where the channels of a group stand among the inputs and the outputs, place by place."""
    for one in own:
        sides = (
            (INPUTS, one.columns, one.column_channels, one.column_entries),
            (OUTPUTS, one.rows, one.row_channels, one.row_entries),
        )
        for side, of_group, channels, entries in sides:
            for place in entries if of_group == group else ():
                yield side, dict(zip(channels.tolist(), place.tolist()))


def vectors_of(gram: np.ndarray) -> np.ndarray:
    """Return as many vectors as there are units, whose products with themselves add up so.

    Args:
        gram: Shape (units, units), symmetric, no eigenvalue below 0.

    Returns:
        Shape (units, units, 1), as the taps of a relation.
    """
    values, vectors = np.linalg.eigh(gram)
    return (vectors * np.sqrt(values.clip(0))).T[:, :, None]
