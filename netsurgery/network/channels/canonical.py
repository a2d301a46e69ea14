"""The one scale of channels that stands for all under which a net computes the same.

A channel may be made s times as large, and read by weights that are s times as small, wherever all
between is homogeneous, as a ReLU is. What looks at weights alone should not see the difference.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, Mapping, Sequence, Set

import numpy as np

from netsurgery.layers import CARRIES, MAKES, READS, Layer, Value
from netsurgery.network.channels.groups import ChannelGroup, Cut, channel_groups
from netsurgery.network.graph import Network
from netsurgery.network.model import Model
from netsurgery.network.sparse import ParameterKey

SWEEPS = 200
SETTLED = 1e-12
"""Largest logarithm of a scale in a sweep below which the iteration ends."""

WEIGHTS, BIAS = 0, 1


def canonical_weights(model: Model) -> Dict[ParameterKey, np.ndarray]:
    """Return the blobs that change where each channel gets its canonical scale.

    It is the one at which the weights that make a channel are as long as those that read it, which
    is where all squares of the net add up to the least (equi-normalisation, Stock et al. 2019). It
    does not depend on the scales there were, but for rounding. Channels keep their scale that are
    inputs or outputs, that pass a layer which is not homogeneous (fold batch normalisation first),
    that share weights, or that nothing makes or reads.

    Args:
        model: With weights.

    Returns:
        float64, in the shape of the blobs. With them the net computes the same.
    """
    network = model.network()
    scales = [_Scale(group) for group in channel_groups(model) if is_scalable(network, group)]
    keys = dict.fromkeys(
        (cut.layer.name, cut.blob)
        for scale in scales
        for cut in (*scale.made, *scale.read, *scale.shifted)
    )
    arrays = {
        (name, index): model.blobs(name)[index].array().astype(np.float64) for name, index in keys
    }
    for _ in range(SWEEPS if arrays else 0):
        if max(scale.balance(arrays) for scale in scales) <= SETTLED:
            break
    return arrays


class _Scale:
    """A group's blobs by what its channels' scale does to them."""

    def __init__(self, group: ChannelGroup) -> None:
        self.channels = group.channels
        self.made = [cut for cut in group.members if (cut.role, cut.blob) == (MAKES, WEIGHTS)]
        self.read = [cut for cut in group.members if cut.role == READS]
        self.shifted = [
            cut for cut in group.members if cut.role in (MAKES, CARRIES) and cut.blob == BIAS
        ]

    def balance(self, arrays: Dict[ParameterKey, np.ndarray]) -> float:
        """Make both lengths of each channel equal; the largest logarithm of a scale."""
        made = self._squares(self.made, arrays)
        read = self._squares(self.read, arrays)
        both = (made > 0) & (read > 0)
        ratio = np.divide(read, made, out=np.ones_like(made), where=both) ** 0.25
        for cuts, factor in ((self.made, ratio), (self.shifted, ratio), (self.read, 1 / ratio)):
            for cut in cuts:
                array = _view(cut, arrays)
                array *= _spread(cut, np.append(factor, 1.0), array)
        return float(np.abs(np.log(ratio)).max(initial=0.0))

    def _squares(
        self, cuts: Sequence[Cut], arrays: Mapping[ParameterKey, np.ndarray]
    ) -> np.ndarray:
        found = np.zeros(self.channels + 1)
        for cut in cuts:
            squares = np.square(_view(cut, arrays))
            runs = np.atleast_2d(cut.channels)
            first = len(squares) if cut.axis == 0 else len(runs)
            rows = squares.reshape(first, -1, *squares.shape[1:])
            kept = (0,) if cut.axis == 0 else (0, cut.axis + 1)
            sums = rows.sum(axis=tuple(axis for axis in range(rows.ndim) if axis not in kept))
            found += np.bincount(runs.ravel() % len(found), sums.ravel(), len(found))
        return found[:-1]


def is_scalable(network: Network, group: ChannelGroup) -> bool:
    """Return whether the net computes the same when weights of the group's channels are scaled.

    Those that make a channel by a positive number, those that read it by one over that; what stands
    beside them as a bias by the number too.
    """
    if group.channels < 2 or any(cut.blob not in (WEIGHTS, BIAS) for cut in group.members):
        return False
    if any(_is_common(network, cut) for cut in group.members):
        return False
    roles: Dict[int, Set[str]] = defaultdict(set)
    for cut in group.members:
        roles[cut.layer.index].add(cut.role)
    values = {cut.value: cut.channels for cut in group.values}
    makers = [layer for layer in group.producers if layer.layer_type.product is not None]
    reached = {value for layer in makers for value in layer.tops}
    if len(makers) < len(group.producers) or not group.consumers:
        return False
    for layer in network.layers:
        read = [value for value in layer.bottoms if value in reached]
        role = roles[layer.index]
        if not read or (READS in role and _reads_all(group, layer, read, values)):
            continue
        if not _passes(layer, role) or not _takes_all(layer, reached, values):
            return False
        reached.update(layer.tops)
    return reached.isdisjoint(network.outputs) and all(value in reached for value in values)


def _is_common(network: Network, cut: Cut) -> bool:
    """Whether other layers have the same blob."""
    shared = {layer.index for one in network.shared_parameters for layer, _ in one.members}
    return cut.layer.index in shared or cut.layer.name in network.duplicate_names


def _reads_all(
    group: ChannelGroup,
    layer: Layer,
    read: Sequence[Value],
    values: Mapping[Value, np.ndarray],
) -> bool:
    """Whether a product tells the channels of what it reads apart."""
    cuts = [cut for cut in group.members if cut.layer.index == layer.index and cut.role == READS]
    found = np.unique(np.concatenate([cut.channels.ravel() for cut in cuts]))
    return layer.layer_type.product is not None and all(
        value in values and np.isin(values[value], np.append(found, -1)).all() for value in read
    )


def _passes(layer: Layer, role: Set[str]) -> bool:
    """Whether it hands on so many times as much of what is so many times as much."""
    if MAKES in role or READS in role:
        return False
    kind = layer.layer_type
    if CARRIES in role and kind.product is not None:
        return True
    return kind.is_positively_homogeneous(layer)


def _takes_all(layer: Layer, reached: Set[Value], values: Mapping[Value, np.ndarray]) -> bool:
    """Whether all that it puts together is of the group, but for what stands beside it."""
    if all(value in reached for value in layer.bottoms):
        return True
    return all(value in values and (values[value] < 0).any() for value in layer.tops)


def _view(cut: Cut, arrays: Mapping[ParameterKey, np.ndarray]) -> np.ndarray:
    array = arrays[cut.layer.name, cut.blob]
    return array.reshape(array.shape[array.ndim - cut.axes :])


def _spread(cut: Cut, factors: np.ndarray, array: np.ndarray) -> np.ndarray:
    """The factor of each entry, in a shape that broadcasts to the array's."""
    found = factors[cut.channels]
    if cut.channels.ndim == 2:
        found = np.repeat(found, len(array) // len(found), axis=0)
        return found.reshape(found.shape + (1,) * (array.ndim - 2))
    return found.reshape((-1,) + (1,) * (array.ndim - 1 - cut.axis))
