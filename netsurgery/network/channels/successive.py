"""A model that loses the channels of one group after another; a cut costs what it touches."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar

import numpy as np

from netsurgery.formats import Blob, LayerWeights, Prototxt
from netsurgery.layers import Layer, Value
from netsurgery.network.channels.choice import find_group, read_choice
from netsurgery.network.channels.groups import ChannelGroup, Cut, ValueCut
from netsurgery.network.channels.thinning import cut_layers, kept_values, staying
from netsurgery.network.edits import LayerKey, SetBlobs, SetFields, apply_edits
from netsurgery.network.model import Model

Keep = Sequence[int]
_Axis = Tuple[int, int, int]  # index of a layer, blob, axis
Key = TypeVar("Key", _Axis, Value)
Part = TypeVar("Part", Cut, ValueCut)


class GroupCut(NamedTuple):
    """What one group of channels leaves behind when some go.

    Attributes:
        group: The group as it was just before.
        fields: What changes in the text, with layers known as in the text before all cuts.
        blobs: What is left of the layers that lose something.
        settled: Whether the groups that are left are those that there were, so that more can go.
    """

    group: ChannelGroup
    fields: Tuple[SetFields, ...]
    blobs: Tuple[SetBlobs, ...]
    settled: bool


class Thinning:
    """Cuts channels out of a model, group after group, as `thin_model` would.

    The network is looked at once, for its groups. What a group is after others were cut follows
    from the entries of their common blobs and values that are left. Where a cut may change which
    channels belong together, or must stay (`GroupCut.settled`), the net has to be looked at anew.
    """

    def __init__(self, model: Model, groups: Sequence[ChannelGroup]) -> None:
        """Start with nothing cut.

        Args:
            model: The network, of which nobody cuts anything else meanwhile.
            groups: Its groups of channels.
        """
        self._start = model
        self._groups = {group.name: group for group in groups}
        self._masks: Dict[str, np.ndarray] = {}
        # Which entries all cuts so far have left, of those that there were.
        self._left_of_axis: Dict[_Axis, np.ndarray] = {}
        self._left_of_value: Dict[Value, np.ndarray] = {}
        self._edits: List[SetFields] = []
        self._layers: Dict[int, Layer] = {}
        self._blobs: Dict[str, Tuple[LayerWeights, ...]] = {}
        self._model: Optional[Model] = model

    @property
    def model(self) -> Model:
        """The model as it now is."""
        if self._model is None:
            blobs = [SetBlobs(name, layers) for name, layers in self._blobs.items()]
            self._model = apply_edits(self._start, [*self._edits, *blobs])
        return self._model

    def blobs(self, layer: str) -> Tuple[Blob, ...]:
        """Return the blobs that Caffe would now load for the layer of that name, or none."""
        found = self._found(layer)
        return found[-1].blobs if found else ()

    def is_whole(self, name: str) -> bool:
        """Whether there is a group of that name of which nothing was cut."""
        return name in self._groups and name not in self._masks

    def group(self, name: str) -> ChannelGroup:
        """Return a group of which nothing was cut, as it now is.

        Raises:
            PlanError: There is no such group.
        """
        group = find_group(self._groups, name)
        members = (_now(cut, self._left_of_axis.get(_axis_of(cut))) for cut in group.members)
        values = (_now(cut, self._left_of_value.get(cut.value)) for cut in group.values)
        return replace(group, members=tuple(members), values=tuple(values))

    def cut(self, name: str, keep: Keep) -> GroupCut:
        """Cut channels out of a group of which nothing was cut.

        Args:
            name: The group.
            keep: The channels that stay.

        Raises:
            PlanError: The choice cannot be carried out.
            NetworkError: The weights do not fit the prototxt.
        """
        group = self.group(name)
        mask = read_choice([group], {name: keep})[name]
        fields = tuple(self._change_text(group, mask))
        blobs = cut_layers(group, mask, self._found)
        self._blobs.update({one.layer: one.by for one in blobs})
        self._edits += fields
        settled = mask.all() or self._is_settled(group, mask)
        self._masks[name], self._model = mask, None
        self._take_away(self._groups[name], mask)
        return GroupCut(group, fields, blobs, bool(settled))

    def _found(self, name: str) -> Tuple[LayerWeights, ...]:
        weights = self._start.weights
        if name in self._blobs or weights is None:
            return self._blobs.get(name, ())
        return weights.find(name)

    def _is_settled(self, group: ChannelGroup, mask: np.ndarray) -> bool:
        """Whether nothing but sizes changes for the other groups.

        A convolution of which each group is left with one input ties what it reads to what it
        makes; where several groups share a value of which something has to stay, which of them
        keeps one depends on how many each has; and what a value has only one of is pinned.
        """
        for cut in group.values:
            sharing = [name for name, _ in self._of_value[cut.value]]
            if len(sharing) > 1 and any(self._groups[name].parts for name in sharing):
                return False
        if any((mask[rows].sum(axis=1) < 2).any() for rows in group.balanced):
            return False
        own = (cut.channels[cut.channels >= 0] for cut in group.values)
        return all(len(np.unique(channels[mask[channels]])) > 1 for channels in own)

    def _change_text(self, group: ChannelGroup, mask: np.ndarray) -> Iterator[SetFields]:
        """Change the text of the layers around the group's values, and say how."""
        network, prototxt = self._start.network(), self._start.prototxt
        kept = kept_values([group], {group.name: mask})
        around: Dict[int, Layer] = {}
        for value in kept:
            layers = (network.producer(value), *network.consumers(value))
            around.update({layer.index: layer for layer in layers if layer is not None})
        for index, first in sorted(around.items()):
            layer = self._layers.get(index, first)
            fields = layer.layer_type.thinned(layer, kept)
            text = layer.text.edited(fields=fields) if fields else layer.text.text
            if text != layer.text.text:
                self._layers[index] = _with_text(layer, text)
                yield SetFields(LayerKey.of(first.text, prototxt), fields)

    @cached_property
    def _of_value(self) -> Mapping[Value, Sequence[Tuple[str, ValueCut]]]:
        """For each value the groups that have a part of it."""
        found: Dict[Value, List[Tuple[str, ValueCut]]] = defaultdict(list)
        for name, group in self._groups.items():
            for cut in group.values:
                found[cut.value].append((name, cut))
        return found

    def _take_away(self, group: ChannelGroup, mask: np.ndarray) -> None:
        """Note what is left of the common axes and values of a group as it was in the beginning."""
        for cut in group.members:
            _leave(self._left_of_axis, _axis_of(cut), staying(cut.channels, mask))
        for one in group.values:
            _leave(self._left_of_value, one.value, staying(one.channels, mask))


def _leave(left: Dict[Key, np.ndarray], key: Key, stay: np.ndarray) -> None:
    if key in left:
        left[key] &= stay
    else:
        left[key] = stay


def _axis_of(cut: Cut) -> _Axis:
    return cut.layer.index, cut.blob, cut.axis


def _now(cut: Part, left: Optional[np.ndarray]) -> Part:
    """A cut with the entries that are left; of a matrix each row loses as many."""
    if left is None:
        return cut
    channels = cut.channels[left]
    return replace(cut, channels=channels.reshape(*cut.channels.shape[:-1], -1))


def _with_text(layer: Layer, text: bytes) -> Layer:
    """The layer with another text of its own, for whoever asks what more changes in it."""
    (new,) = Prototxt.parse(text, layer.text.source.file).layers
    return replace(layer, parameter=new.parameter, text=new)
