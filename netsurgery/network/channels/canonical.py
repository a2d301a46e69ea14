"""The one scale of channels that stands for all under which a net computes the same.

A channel may be made s times as large, and read by weights that are s times as small, wherever all
between is homogeneous, as a ReLU is. What looks at weights alone should not see the difference.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

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
    balance = _Balance(scales, arrays)
    for _ in range(SWEEPS if arrays else 0):
        if max(balance.settle(number) for number in range(len(scales))) <= SETTLED:
            break
    for scale, factor in zip(scales, balance.factors):
        scale.apply(factor, arrays)
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

    def apply(self, factor: np.ndarray, arrays: Mapping[ParameterKey, np.ndarray]) -> None:
        """Make each channel so many times as large, in place."""
        for cuts, own in ((self.made, factor), (self.shifted, factor), (self.read, 1 / factor)):
            for cut in cuts:
                array = _view(cut, arrays)
                array *= _spread(cut, np.append(own, 1.0), array)


class _Squares(NamedTuple):
    """Squares of weights, added up over all that relates the same two channels.

    Channels of all scales are counted through; 0 stands for all that have none.
    """

    made: np.ndarray
    read: np.ndarray
    sums: np.ndarray


class _Balance:
    """Finds the scales by sums of squares: of the weights themselves nothing else is needed."""

    def __init__(self, scales: Sequence[_Scale], arrays: Mapping[ParameterKey, np.ndarray]) -> None:
        ends = np.cumsum([1, *(scale.channels for scale in scales)])
        self._places = [slice(start, stop) for start, stop in zip(ends, ends[1:])]
        self._scale = np.ones(ends[-1])
        cuts: Dict[ParameterKey, List[Tuple[int, Cut]]] = defaultdict(list)
        for start, scale in zip(ends, scales):
            for cut in (*scale.made, *scale.read):
                cuts[cut.layer.name, cut.blob].append((int(start), cut))
        squares = [one for own in cuts.values() for one in _squares(own, _view(own[0][1], arrays))]
        self._made, self._read = (
            [[one for one in squares if _is_in(side(one), place)] for place in self._places]
            for side in (lambda one: one.made, lambda one: one.read)
        )

    @property
    def factors(self) -> List[np.ndarray]:
        """Of each scale, how many times as large each channel is made."""
        return [self._scale[place] for place in self._places]

    def settle(self, number: int) -> float:
        """Make both lengths of each channel of a scale equal; the largest logarithm of a factor."""
        made, read = np.zeros_like(self._scale), np.zeros_like(self._scale)
        power = self._scale**2
        for one in self._made[number]:
            made[one.made] += power[one.made] * (one.sums @ (1 / power[one.read]))
        for one in self._read[number]:
            read[one.read] += (power[one.made] @ one.sums) / power[one.read]
        made, read = made[self._places[number]], read[self._places[number]]
        both = (made > 0) & (read > 0)
        ratio = np.divide(read, made, out=np.ones_like(made), where=both) ** 0.25
        self._scale[self._places[number]] *= ratio
        return float(np.abs(np.log(ratio)).max(initial=0.0))


def _is_in(channels: np.ndarray, place: slice) -> bool:
    return bool(((channels >= place.start) & (channels < place.stop)).any())


def _squares(cuts: Sequence[Tuple[int, Cut]], array: np.ndarray) -> Iterator[_Squares]:
    """The squares of a blob, of each run of axis 0 by itself, as groups of a convolution are."""
    squares = np.square(array).reshape(*array.shape[:2], -1).sum(axis=2)
    runs = max(len(np.atleast_2d(cut.channels)) for _, cut in cuts)
    labels = np.zeros((runs, len(array) // runs), int), np.zeros((runs, array.shape[1]), int)
    for start, cut in cuts:
        own = labels[cut.axis]
        found = cut.channels.reshape(own.shape if cut.axis == 0 else (-1, own.shape[1]))
        np.copyto(own, found + start, where=found >= 0)
    makes = all((cut.axis == 0) == (cut.role == MAKES) for _, cut in cuts)
    for rows, columns, part in zip(*labels, np.split(squares, runs)):
        sums, first = _added(part, rows)
        sums, second = _added(sums.T, columns)
        yield _Squares(first, second, sums.T) if makes else _Squares(second, first, sums)


def _added(squares: np.ndarray, labels: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Rows of a label added up, and the labels."""
    order = np.argsort(labels, kind="stable")
    found, starts = np.unique(labels[order], return_index=True)
    return np.add.reduceat(squares[order], starts, axis=0), found


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
