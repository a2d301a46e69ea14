"""Shapes of every value of a network, and of the blobs of a layer."""

from __future__ import annotations

from copy import copy
from itertools import zip_longest
from math import prod
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Hashable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from netsurgery.errors import NetworkError
from netsurgery.layers import LayerType, Shape, ShapeNode, plugin_faults_told, show, unknown_fields

if TYPE_CHECKING:
    from netsurgery.formats import Weights
    from netsurgery.layers import Layer, LayerType, Value
from netsurgery.network.graph import Network

Shapes = Mapping["Value", Optional[Shape]]
T = TypeVar("T")
_Traced = Tuple[Shapes, Tuple[NetworkError, ...]]


def infer_shapes(
    network: Network,
    inputs: Optional[Mapping[str, Sequence[int]]] = None,
    rois: Optional[int] = None,
    weights: Optional[Weights] = None,
) -> Shapes:
    """Infer the shape of every value, exactly as Caffe's ``Net::Init`` does.

    The network remembers them: asked again, they cost nothing.

    Args:
        network: The network.
        inputs: Shapes for net inputs and for tops of data layers, by blob name; they win
            over those given with the network, which win over what the prototxt says.
        rois: Number of regions: first size of every value that a region pooling layer
            reads as its regions. Without it, a number that only running the network would
            tell (a Proposal, a Python layer) counts as 1, which is what Caffe sets up with.
        weights: Tell the channels of a ``Data`` layer, which the prototxt does not.

    Returns:
        A shape for each of ``network.values``; None where the prototxt cannot tell: layers
        of unknown type or with fields of a fork that change shapes, data read from files,
        and all that depends on them.

    Raises:
        NetworkError: A layer that Caffe would refuse, with both of the numbers at odds.
    """
    shapes, problems = trace_shapes(network, inputs, rois, weights)
    if problems:
        raise problems[0]
    return shapes


def trace_shapes(
    network: Network,
    inputs: Optional[Mapping[str, Sequence[int]]] = None,
    rois: Optional[int] = None,
    weights: Optional[Weights] = None,
) -> Tuple[Shapes, Tuple[NetworkError, ...]]:
    """Like `infer_shapes`, but go on behind a layer that Caffe would refuse.

    Returns:
        The shapes, with None for the tops of refused layers, and the refusals in order.
    """
    given = {name: tuple(shape) for name, shape in (inputs or {}).items()}
    if weights is None or not network.learns_shapes:
        weights, learnt = None, None
    else:
        learnt = trained_shapes(network, weights)
    question: Hashable = trace_shapes, tuple(sorted(given.items())), rois, learnt
    shapes, problems = network.derived(question, lambda: _trace(network, given, rois, weights))
    # Whoever raises an error gives it a traceback, and may add to its words.
    return shapes, tuple(map(copy, problems))


def trained_shapes(network: Network, weights: Weights) -> Hashable:
    """Return all that shapes of values, and groups of channels, may depend on in weights."""
    return tuple(tuple(blob.shape for blob in weights.blobs(one.name)) for one in network.layers)


def _trace(
    network: Network,
    inputs: Mapping[str, Sequence[int]],
    rois: Optional[int],
    weights: Optional[Weights],
) -> _Traced:
    given = _given_shapes(network, {**network.given, **inputs})
    regions = _region_values(network)
    shapes: Dict[Value, Optional[Shape]] = {}
    problems: List[NetworkError] = []

    def settle(value: Value, shape: Optional[Shape]) -> None:
        shape = given.get(value, shape)
        shapes[value] = _with_regions(shape, rois) if value in regions else shape

    for value in network.values:
        if network.producer(value) is None:
            settle(value, network.legacy_inputs.get(value))
    for layer in network.layers:
        node = ShapeNode(
            layer,
            tuple(shapes[value] for value in layer.bottoms),
            network.prototxt.file,
            *((weights, network.consumers) if layer.layer_type.learns_shapes else ()),
        )
        try:
            tops = _top_shapes(node)
        except NetworkError as error:
            # With a field that only its fork knows, the fork may well take it.
            problems += [] if unknown_fields(layer.text) else [copy(error)]
            tops = ()
        for value, shape in zip_longest(layer.tops, tops[: len(layer.tops)]):
            settle(value, shape)
        problems += _overwritten(node, shapes)
    return MappingProxyType(shapes), tuple(problems)


def parameter_shapes(
    layer: Layer, bottom_shapes: Sequence[Optional[Shape]]
) -> Optional[Tuple[Shape, ...]]:
    """Shapes of the blobs that Caffe creates for ``layer``.

    Args:
        layer: The layer.
        bottom_shapes: Shapes of its bottoms.

    Returns:
        One shape a blob, () for a layer without blobs; None where they are not known: an
        unknown type, an unknown bottom, or a type whose blobs differ between forks.

    Raises:
        NetworkError: Caffe would refuse the layer.
    """
    kind = layer.layer_type
    if not kind.knows_shapes:
        return None
    if not kind.has_blobs:
        return ()
    if any(shape is None for shape in bottom_shapes):
        return None
    node = ShapeNode(layer, tuple(bottom_shapes))
    return _of_text(node, parameter_shapes, lambda: _blobs(node))


def _blobs(node: ShapeNode) -> Optional[Tuple[Shape, ...]]:
    with plugin_faults_told(node.layer):
        found = node.layer.layer_type.blobs(node)
        return None if found is None else tuple(tuple(map(int, shape)) for shape in found)


def _of_text(node: ShapeNode, what: Hashable, answer: Callable[[], T]) -> T:
    """What the text of a layer and the shapes around it tell; an edited net knows it again."""
    layer = node.layer
    if layer.parameter is not layer.text.parameter:  # a layer before it in the net says more
        return answer()
    return layer.text.derived((what, node.bottoms, node.tops, bool(layer.in_place)), answer)


_INT_MAX = 2**31 - 1


def _top_shapes(node: ShapeNode) -> Sequence[Optional[Shape]]:
    if node.layer.layer_type.learns_shapes:
        return _made_shapes(node)
    return _of_text(node, _top_shapes, lambda: _made_shapes(node))


def _made_shapes(node: ShapeNode) -> Tuple[Optional[Shape], ...]:
    kind = node.layer.layer_type
    if not kind.knows_shapes or not kind.shape_fields.isdisjoint(node.layer.text.unknown):
        return ()
    _check_counts(node, kind)
    _check_loss_weights(node)
    if not kind.in_place:
        node.check(not node.layer.in_place, "computes in place, which its type cannot")
    if not kind.partial and any(shape is None for shape in node.bottoms):
        return ()
    with plugin_faults_told(node.layer):
        shapes = kind.shapes(node)
        for shape in shapes:
            fits = shape is None or (min(shape, default=0) >= 0 and prod(shape) <= _INT_MAX)
            node.check(fits, f"makes a blob of {show(shape)}, which Caffe cannot count")
    return tuple(shapes)


def _overwritten(node: ShapeNode, shapes: Shapes) -> Iterator[NetworkError]:
    """In-place layers that change the shape of what they overwrite."""
    for before, after in node.layer.in_place:
        old, new = shapes[before], shapes[after]
        if old is not None and new is not None and old != new:
            text = f"computes in place on {before.blob!r}, but makes {show(new)} of {show(old)}"
            yield node.error(text, "give it a top of its own")


def _check_counts(node: ShapeNode, kind: LayerType) -> None:
    found = (
        (len(node.layer.bottoms), "bottoms", kind.bottoms),
        (node.tops, "tops", kind.tops),
    )
    for number, what, (fewest, most) in found:
        fits = fewest <= number and (most is None or number <= most)
        takes = _describe(fewest, most)
        node.check(fits, f"has {number} {what}; a {node.layer.type} layer takes {takes}")


def _check_loss_weights(node: ShapeNode) -> None:
    weights = len(node.parameter.loss_weight)
    # A loss without a top gets one from Caffe.
    fits = weights in (0, node.tops or 1)
    node.check(fits, f"has {weights} loss_weight for {node.tops} tops")


def _describe(fewest: int, most: Optional[int]) -> str:
    if most is None:
        return f"{fewest} or more"
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _given_shapes(
    network: Network, inputs: Mapping[str, Sequence[int]]
) -> Dict[Value, Optional[Shape]]:
    """The caller's shapes by value; only sources of the network can be given."""
    sources = {value.blob: value for value in network.values if network.is_source(value)}
    unknown = sorted(set(inputs) - set(sources))
    if unknown:
        raise NetworkError(
            f"{unknown[0]!r} is not an input of the network",
            file=network.prototxt.file,
            remedy=f"its inputs are {', '.join(sorted(sources)) or 'none'}",
        )
    return {sources[name]: tuple(shape) for name, shape in inputs.items()}


def _region_values(network: Network) -> frozenset[Value]:
    places = ((layer, layer.layer_type.region_bottom) for layer in network.layers)
    return frozenset(
        layer.bottoms[place]
        for layer, place in places
        if place is not None and place < len(layer.bottoms)
    )


def _with_regions(shape: Optional[Shape], rois: Optional[int]) -> Shape:
    """The shape of regions: given or declared number of rows, 1 where nobody tells."""
    if shape is None:
        return (rois or 1, 5)
    return shape if rois is None else (rois, *shape[1:])
