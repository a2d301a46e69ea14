"""Follow the channels of a network from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import Weights
from netsurgery.layers import (
    ChannelNode,
    Layer,
    Shape,
    Ties,
    Use,
    Value,
    plugin_faults_told,
    squeezed,
    varying,
)
from netsurgery.network.channels.sources import input_labels
from netsurgery.network.foreign_fields import why_foreign
from netsurgery.network.graph import Network

Shapes = Mapping[Value, Optional[Shape]]


@dataclass(frozen=True)
class Trace:
    """Labels of every value and blob of a network.

    Attributes:
        labels: Labels of each value, which broadcast to its shape and differ along one axis at
            most; None where the shape is not known.
        uses: The blobs that belong to channels.
        ties: What holds labels together, and in place.
    """

    labels: Dict[Value, Optional[np.ndarray]]
    uses: List[Use]
    ties: Ties


def trace_channels(network: Network, shapes: Shapes, weights: Optional[Weights] = None) -> Trace:
    """Label every channel, and find out what happens to it.

    Args:
        network: The network.
        shapes: The shape of each of its values, None where that is not known.
        weights: Tell how many blobs there are where forks differ.
    """
    trace = Trace({}, [], Ties())
    for value in network.legacy_inputs:
        trace.labels[value] = input_labels(trace.ties, value.blob, shapes[value])
    for layer in network.layers:
        found = _label_tops(trace, layer, shapes, weights)
        for value, labels in zip(layer.tops, found):
            trace.labels[value] = None if labels is None else _along_one_axis(labels, trace.ties)
    _keep_outputs(trace, network)
    _tie_shared(trace, network)
    _keep_other_phases(trace, network)
    return trace


def _label_tops(
    trace: Trace, layer: Layer, shapes: Shapes, weights: Optional[Weights]
) -> Sequence[Optional[np.ndarray]]:
    if not layer.bottoms:
        return [input_labels(trace.ties, value.blob, shapes[value]) for value in layer.tops]
    bottoms = [trace.labels.get(value) for value in layer.bottoms]
    tops = [shapes[value] for value in layer.tops]
    known = [labels for labels in bottoms if labels is not None]
    if len(known) < len(bottoms) or any(shape is None or 0 in shape for shape in tops):
        kind = layer.layer_type
        reason = "has a shape that is not known" if kind.follows_channels else kind.why_whole
        for labels in known:
            trace.ties.pin(labels, f"{layer.name} ({layer.type}) {reason}")
        return [None] * len(tops)
    node = ChannelNode(
        layer,
        tuple(known),
        tuple(shapes[value] or () for value in layer.bottoms),
        tuple(shape or () for shape in tops),
        trace.ties,
        trace.uses,
        weights,
    )
    foreign = why_foreign(layer.text)
    with plugin_faults_told(layer):
        return node.barrier(foreign) if foreign else layer.layer_type.channels(node)


def _along_one_axis(labels: np.ndarray, ties: Ties) -> np.ndarray:
    """Leave labels that differ along one axis; what stands in one line across it goes together.

    A blob without one row of channels is a blob still; without single numbers it is none.
    """
    labels = squeezed(labels)
    axes = varying(labels)
    longest = max(axes, key=lambda axis: labels.shape[axis], default=None)
    for axis in axes:
        if axis != longest:
            ties.tie(labels, labels.take([0], axis))
            labels = labels.take([0], axis)
    return labels


def _keep_outputs(trace: Trace, network: Network) -> None:
    for value in network.outputs:
        labels = trace.labels.get(value)
        if labels is not None:
            trace.ties.pin(labels, f"{value.blob} is an output of the network")


def _tie_shared(trace: Trace, network: Network) -> None:
    """Tie blobs that are one memory: of one ``param { name }``, or of layers of one name."""
    uses: Dict[Tuple[int, int, int], Use] = {
        (use.layer.index, use.blob, use.axis): use for use in trace.uses
    }
    for members in _one_memory(network, trace.uses):
        for (first, blob), (second, other) in combinations(members, 2):
            for axis in range(max((use.axes for use in trace.uses), default=0)):
                pair = uses.get((first, blob, axis)), uses.get((second, other, axis))
                _tie_uses(trace.ties, [use for use in pair if use is not None])


def _one_memory(network: Network, uses: Iterable[Use]) -> Iterator[List[Tuple[int, int]]]:
    for shared in network.shared_parameters:
        yield [(layer.index, blob) for layer, blob in shared.members]
    for name in network.duplicate_names:
        found = sorted({(use.layer.index, use.blob) for use in uses if use.layer.name == name})
        for blob in sorted({blob for _, blob in found}):
            yield [member for member in found if member[1] == blob]


def _tie_uses(ties: Ties, pair: Sequence[Use]) -> None:
    if len(pair) == 2 and pair[0].labels.shape == pair[1].labels.shape:
        ties.tie(pair[0].labels, pair[1].labels)
        return
    for use in pair:
        text = f"{use.layer.name} shares its weights with a layer that uses them in another form"
        ties.pin(use.labels, text)


def _keep_other_phases(trace: Trace, network: Network) -> None:
    """Keep what a layer has that stands in the prototxt for another phase once more."""
    built = {layer.text.index for layer in network.layers}
    others = {text.name for text in network.prototxt.layers if text.index not in built}
    for use in trace.uses:
        if use.layer.name in others:
            text = f"{use.layer.name} stands in the prototxt for another phase too"
            trace.ties.pin(use.labels, text)
