"""What a network costs: parameters, multiply-accumulates, memory, also by number of regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import (
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from netsurgery.layers import Shape, count, plugin_faults_told
from netsurgery.network.graph import Layer, Network, Value
from netsurgery.network.memory import blob_bytes, peak_bytes
from netsurgery.network.model import Model
from netsurgery.network.shapes import Shapes, infer_shapes, parameter_shapes, trained_shapes
from netsurgery.network.sharing import borrowed_blobs


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs in one forward pass.

    Attributes:
        layer: The layer.
        blobs: Shapes of its parameters; None where they are not known.
        tops: Shapes of what it makes; None where one is not known.
        params: Number of parameters that are its own; what it shares counts with the owner.
        macs: Multiply-accumulates of convolutions and matrix products. Elementwise work,
            pooling and the like count as 0. None where a shape is not known, or what it does.
        activation_bytes: Memory of its tops in float32; 0 for one that computes in place, or
            whose top is the memory of its bottom (Flatten, Reshape, Split).
    """

    layer: Layer
    blobs: Optional[Tuple[Shape, ...]]
    tops: Tuple[Optional[Shape], ...]
    params: Optional[int]
    macs: Optional[int]
    activation_bytes: Optional[int]


class Totals(NamedTuple):
    """Sums over all layers; None where that of one is not known.

    Attributes:
        params: Number of parameters.
        macs: Multiply-accumulates of one forward pass.
        activation_bytes: Memory of all blobs, as Caffe allocates them, inputs included.
        unknown: Names of layers of which something is not known.
        peak_bytes: The most memory that blobs need at once if each is freed after its last
            reader; None if a shape is not known, or nobody asked.
    """

    params: Optional[int]
    macs: Optional[int]
    activation_bytes: Optional[int]
    unknown: Tuple[str, ...]
    peak_bytes: Optional[int] = None


def count_cost(network: Network, shapes: Shapes, model: Optional[Model] = None) -> List[LayerCost]:
    """Return the cost of every layer of ``network``.

    Args:
        network: The network.
        shapes: The shapes of its values, from `infer_shapes`.
        model: Its weights tell the parameters of layers of unknown type or input.
    """
    shared = borrowed_blobs(network.shared_parameters)
    return [_layer_cost(layer, shapes, shared, model) for layer in network.layers]


def total_cost(
    model: Model,
    network: Optional[Network] = None,
    *,
    inputs: Optional[Mapping[str, Sequence[int]]] = None,
    rois: Optional[int] = None,
) -> Totals:
    """Return the cost of a model.

    Args:
        model: The model.
        network: Its graph, if not that of the TEST phase.
        inputs: Shapes of net inputs, where they differ from the prototxt's.
        rois: Number of regions of interest, see `infer_shapes`.

    Raises:
        NetworkError: Caffe would refuse the network.
    """
    found = network or model.network()
    shapes = infer_shapes(found, inputs, rois, model.weights)

    def summed() -> Totals:
        legacy = bytes_of(found.legacy_inputs, shapes)
        return sum_up(count_cost(found, shapes, model), legacy, peak_bytes(found, shapes))

    trained = None if model.weights is None else trained_shapes(found, model.weights)
    given = tuple(sorted((name, tuple(shape)) for name, shape in (inputs or {}).items()))
    return found.derived((total_cost, given, rois, trained), summed)


def bytes_of(values: Iterable[Value], shapes: Shapes) -> int:
    """Return the memory of ``values`` in float32; one of unknown shape counts as 0."""
    return sum(blob_bytes(shapes[value]) or 0 for value in values)


def sum_up(costs: Sequence[LayerCost], input_bytes: int = 0, peak: Optional[int] = None) -> Totals:
    """Add up the costs of layers, and the memory of net-level inputs.

    A sum of which a part is not known is not known.
    """
    unknown = tuple(c.layer.name for c in costs if None in (c.params, c.macs, c.activation_bytes))
    return Totals(
        _sum(c.params for c in costs),
        _sum(c.macs for c in costs),
        _sum([input_bytes, *(c.activation_bytes for c in costs)]),
        unknown,
        peak,
    )


def _sum(numbers: Iterable[Optional[int]]) -> Optional[int]:
    found = list(numbers)
    return None if None in found else sum(number or 0 for number in found)


def cost_of_regions(
    model: Model,
    network: Optional[Network] = None,
    inputs: Optional[Mapping[str, Sequence[int]]] = None,
) -> Tuple[Optional[int], Optional[int]]:
    """Return the MACs that do not depend on the number of regions, and those of each region.

    With n regions the network does ``fixed + n * each`` of them; ``each`` is 0 for a network
    without region pooling. Both are None where they are not known.

    Raises:
        NetworkError: Caffe would refuse the network.
    """
    one, two = (total_cost(model, network, inputs=inputs, rois=rois).macs for rois in (1, 2))
    if one is None or two is None:
        return None, None
    return one - (two - one), two - one


def _layer_cost(
    layer: Layer, shapes: Shapes, shared: FrozenSet[Tuple[int, int]], model: Optional[Model]
) -> LayerCost:
    bottoms = [shapes[value] for value in layer.bottoms]
    tops = tuple(shapes[value] for value in layer.tops)
    blobs = _blobs(layer, bottoms, model)
    own = [count(shape) for i, shape in enumerate(blobs or ()) if (layer.index, i) not in shared]
    params = None if blobs is None else sum(own)
    return LayerCost(
        layer, blobs, tops, params, _macs(layer, bottoms, tops, blobs), _memory(layer, tops)
    )


def _blobs(
    layer: Layer, bottoms: Sequence[Optional[Shape]], model: Optional[Model]
) -> Optional[Tuple[Shape, ...]]:
    known = parameter_shapes(layer, bottoms)
    if known is None and model is not None and model.weights is not None:
        stored = model.blobs(layer.name)
        # A layer of unknown type that has no weights needs none; one of a known type lost them.
        return (
            tuple(blob.shape for blob in stored)
            if stored or not layer.layer_type.knows_shapes
            else None
        )
    return known


def _memory(layer: Layer, tops: Sequence[Optional[Shape]]) -> Optional[int]:
    if layer.layer_type.shares_memory(layer):
        return 0
    rewritten = {after for _, after in layer.in_place}
    sizes = [blob_bytes(shape) for value, shape in zip(layer.tops, tops) if value not in rewritten]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _macs(
    layer: Layer,
    bottoms: Sequence[Optional[Shape]],
    tops: Sequence[Optional[Shape]],
    blobs: Optional[Tuple[Shape, ...]],
) -> Optional[int]:
    kind = layer.layer_type
    if not kind.multiplies:
        # A layer of unknown type may do anything with weights, and one that reads data nothing.
        return 0 if kind.knows_shapes or not layer.bottoms or blobs == () else None
    known_bottoms = [shape for shape in bottoms if shape is not None]
    known_tops = [shape for shape in tops if shape is not None]
    if not blobs or len(known_bottoms) < len(bottoms) or len(known_tops) < len(tops):
        return None
    with plugin_faults_told(layer):
        return int(kind.macs(known_bottoms, known_tops, blobs))
