"""Random choices of channels to keep, and random weights to see what becomes of them."""

from __future__ import annotations

from typing import Dict, List, Sequence

import numpy as np

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.network.channels import ChannelGroup
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes, parameter_shapes


def random_keep(
    groups: Sequence[ChannelGroup], seed: int, share: float = 0.6, approximate: bool = False
) -> Dict[str, List[int]]:
    """For every group that can be cut exactly, about that share of its channels."""
    random = np.random.default_rng(seed)
    wanted = [g for g in groups if not g.blocked and (approximate or not g.approximate)]
    keep = {group.name: _keep(group, random, share) for group in wanted}
    # Cut to one input a group, a convolution ties what it reads to what it makes, and neither is
    # a group of its own any more: such a cut comes last, and alone.
    tying = [group.name for group in wanted if _leaves_one_each(group, keep[group.name])]
    last = {name: keep.pop(name) for name in tying}
    return {**keep, **{name: last[name] for name in tying[:1]}}


def _leaves_one_each(group: ChannelGroup, kept: List[int]) -> bool:
    return any(np.isin(rows, kept).sum(axis=1).max() == 1 for rows in group.balanced)


def _keep(group: ChannelGroup, random: np.random.Generator, share: float) -> List[int]:
    least = max(1, round(share * group.channels))
    kept = np.ones(group.channels, bool)
    if not group.balanced:
        going = random.permutation(group.free)[: group.channels - least]
        kept[going] = False
        for cut in group.values:
            kept[cut.channels.max()] |= not np.append(kept, False)[cut.channels].any()
        return np.flatnonzero(kept).tolist()
    for _ in range(group.channels):
        fewer = kept.copy()
        for row in group.balanced[0]:
            candidates = [one for one in np.intersect1d(row, group.free) if kept[one]]
            fewer[random.choice(candidates or [row[0]])] = False
        if fewer.sum() >= least and _allowed(group, fewer):
            kept = fewer
    return np.flatnonzero(kept).tolist()


def _allowed(group: ChannelGroup, kept: np.ndarray) -> bool:
    """Whether all counts are equal, nothing is empty and nothing goes that must stay."""
    stays = np.append(kept, False)
    if not kept[list(group.pinned)].all():
        return False
    equal = all(len(set(kept[rows].sum(axis=1).tolist())) == 1 for rows in group.balanced)
    blocks = all(kept[rows].any(axis=1).all() for rows in group.balanced)
    return equal and blocks and all(stays[cut.channels].any() for cut in group.values)


def with_random_weights(text: str, seed: int = 0) -> Model:
    """The model of a prototxt; its weights are small, its variances positive."""
    random = np.random.default_rng(seed)
    prototxt = Prototxt.parse(text.encode())
    network = Model(prototxt).network()
    shapes = infer_shapes(network)
    layers = []
    for layer in network.layers:
        wanted = parameter_shapes(layer, [shapes[value] for value in layer.bottoms]) or ()
        arrays = [random.normal(0, 0.5, shape) for shape in wanted]
        if layer.type == "BatchNorm":
            arrays[1], arrays[2] = np.abs(arrays[1]) + 0.5, np.ones(1)
        if arrays:
            blobs = tuple(Blob.of(np.asarray(array, np.float32)) for array in arrays)
            layers.append(LayerWeights(layer.name, layer.type, blobs))
    return Model(prototxt, Weights.of(layers) if layers else None)
