"""Whether a layer type keeps the contract: what it says fits together, also when channels go."""

from __future__ import annotations

from functools import cached_property, partial
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import Blob, LayerWeights, Prototxt, Weights
from netsurgery.layers import (
    ChannelNode,
    ConstantNode,
    Layer,
    LayerType,
    Shape,
    ShapeNode,
    Ties,
    layer_type,
    placed,
    show,
)
from netsurgery.network import (
    ChannelGroup,
    LayerCost,
    Model,
    Network,
    Shapes,
    blob_shapes,
    channel_groups,
    count_cost,
    thin_model,
    trace_shapes,
)

Check = Tuple[str, Callable[[], None]]


def check_layer(name: str, net: str) -> None:
    """Hold a layer type to its contract.

    Args:
        name: The type string.
        net: The text of a net with layers of that type, best between convolutions and without
            weights of other forks' layers: what cannot be thinned cannot be checked.

    Raises:
        AssertionError: It does not keep the contract; the text says where.
    """
    for _, check in layer_checks(name, net):
        check()


def layer_checks(name: str, net: str) -> List[Check]:
    """Return the checks of `check_layer`, each under a name: for ``pytest.mark.parametrize``."""
    example = _Example(name, net)
    return [(check.__name__.lstrip("_"), partial(check, example)) for check in _CHECKS]


class _Example:
    """A net with layers of one type."""

    def __init__(self, name: str, net: str) -> None:
        self.name = name
        self.text = net

    @property
    def kind(self) -> LayerType:
        return layer_type(self.name)

    @cached_property
    def network(self) -> Network:
        return Model(Prototxt.parse(self.text.encode()), None).network()

    @cached_property
    def shapes(self) -> Shapes:
        shapes, problems = trace_shapes(self.network)
        assert not problems, f"Caffe would refuse the example: {problems[0]}"
        return shapes

    @cached_property
    def model(self) -> Model:
        """The net, with random numbers in all blobs that are known."""
        random = np.random.default_rng(0)
        layers = [
            LayerWeights(name, None, tuple(map(Blob.of, _numbers(random, found))))
            for name, found in blob_shapes(self.network).items()
            if found
        ]
        return Model(self.network.prototxt, Weights.of(layers))

    @cached_property
    def layers(self) -> List[Layer]:
        found = [layer for layer in self.network.layers if layer.type == self.name]
        assert found, f"the example has no layer of type {self.name}"
        return found

    def nodes(self) -> Iterator[ShapeNode]:
        """The layers of the type of which all bottoms are known."""
        for layer in self.layers:
            bottoms = tuple(self.shapes[value] for value in layer.bottoms)
            if None not in bottoms:
                yield ShapeNode(layer, bottoms)


def _numbers(random: np.random.Generator, shapes: Sequence[Shape]) -> List[np.ndarray]:
    return [random.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes]


def _it_goes_by_its_names(example: _Example) -> None:
    kind = example.kind
    assert kind.name, "it has no name"
    for name in (kind.name, *kind.aliases):
        assert layer_type(name) is kind, f"{name} is known as {type(layer_type(name)).__name__}"
    assert example.name in (kind.name, *kind.aliases), "nobody registered it"


def _it_holds_no_state(example: _Example) -> None:
    assert not vars(example.kind), f"it keeps {sorted(vars(example.kind))}; layers share it"


def _it_takes_what_the_example_gives(example: _Example) -> None:
    for layer in example.layers:
        numbers = (("bottoms", len(layer.bottoms)), ("tops", len(layer.tops)))
        for what, number in numbers:
            fewest, most = getattr(example.kind, what)
            fits = fewest <= number and (most is None or number <= most)
            assert fits, f"it has {number} {what}, but takes {fewest} to {most}"


def _each_top_has_a_shape(example: _Example) -> None:
    kind = example.kind
    for node in example.nodes() if kind.knows_shapes else ():
        found = list(kind.shapes(node))
        tops = len(node.layer.tops)
        most = kind.tops[1]
        fits = len(found) >= tops and (most is None or len(found) <= most)
        assert fits, f"it answers {len(found)} shapes for {tops} tops"
        for shape in found:
            _require_sizes(shape)
        assert found == list(kind.shapes(node)), "it answers other shapes the second time"


def _each_blob_has_a_shape(example: _Example) -> None:
    for node in example.nodes():
        for shape in example.kind.blobs(node) or ():
            _require_sizes(shape)


def _require_sizes(shape: Optional[Shape]) -> None:
    whole = shape is None or all(isinstance(size, (int, np.integer)) for size in shape)
    assert whole, f"{shape!r} is no shape"
    assert shape is None or min(shape, default=0) >= 0, f"it answers a shape of {show(shape)}"


def _it_costs_a_number(example: _Example) -> None:
    for cost in count_cost(example.network, example.shapes, example.model):
        if cost.layer.type == example.name and example.kind.knows_shapes:
            assert cost.macs is None or cost.macs >= 0, f"it costs {cost.macs} MACs"
            _require_whole(example, cost)
            assert cost.params is None or cost.params >= 0, f"it costs {cost.params} parameters"


def _require_whole(example: _Example, cost: LayerCost) -> None:
    shapes = [example.shapes[value] for value in (*cost.layer.bottoms, *cost.layer.tops)]
    if example.kind.multiplies and cost.blobs and None not in shapes:
        known = [shape or () for shape in shapes]
        reads = len(cost.layer.bottoms)
        macs = example.kind.macs(known[:reads], known[reads:], cost.blobs)
        assert isinstance(macs, (int, np.integer)), f"it costs {macs!r} MACs"


def _labels_have_the_shape_of_tops(example: _Example) -> None:
    for node in example.nodes():
        tops = [example.shapes[value] for value in node.layer.tops]
        if None not in tops:
            _require_labels(example, node, [top or () for top in tops])


def _require_labels(example: _Example, node: ShapeNode, tops: Sequence[Shape]) -> None:
    ties = Ties()
    shapes = [shape or () for shape in node.bottoms]
    held = [
        placed(ties.make(f"bottom {number}", shape[1]), 1, len(shape))
        if len(shape) > 1
        else np.full((1,) * len(shape), ties.fixed("it is no picture"))
        for number, shape in enumerate(shapes)
    ]
    asked = ChannelNode(node.layer, tuple(held), tuple(shapes), tuple(tops), ties, [])
    _require_broadcast("labels", list(example.kind.channels(asked)), tops)


def _channels_fit_values_and_blobs(example: _Example) -> None:
    kept = blob_shapes(example.network)
    for group in channel_groups(example.model):
        for value in group.values:
            shape = example.shapes[value.value] or ()
            _require_channels(f"value {value.value}", shape, value.axis, value.channels)
        for cut in group.members:
            blobs = kept.get(cut.layer.name, ())
            if cut.layer.type == example.name and blobs:
                assert cut.blob < len(blobs), f"it has no blob {cut.blob}"
                shape = _own_axes(blobs[cut.blob], cut.axes)
                _require_channels(f"blob {cut.blob}", shape, cut.axis, cut.channels)


def _own_axes(shape: Shape, axes: int) -> Shape:
    """A blob's shape without the 1s that some forks put around what it holds."""
    return shape if len(shape) == axes else tuple(size for size in shape if size != 1)


def _require_channels(what: str, shape: Shape, axis: int, channels: np.ndarray) -> None:
    count = channels.shape[-1]
    assert axis < len(shape), f"{what} is {show(shape)} and has no axis {axis}"
    assert shape[axis] == count, f"{what} is {show(shape)}, but has {count} channels on axis {axis}"


def _it_fits_when_channels_go(example: _Example) -> None:
    """Text, shapes and weights of a thinned net belong together."""
    groups = channel_groups(example.model)
    for group in groups:
        thinned = None if group.blocked else _without_some(example.model, groups, group)
        if thinned is not None:
            _require_fit(*thinned)


def _without_some(
    model: Model, groups: Sequence[ChannelGroup], group: ChannelGroup
) -> Optional[Tuple[Model, ChannelGroup, List[int]]]:
    """The model without one channel of a group, or the fewest that can go; None for no such."""
    rows = [columns for rows in group.balanced for columns in rows.T]
    for going in (*([int(channel)] for channel in group.free), *(row.tolist() for row in rows)):
        keep = [channel for channel in range(group.channels) if channel not in going]
        try:
            return thin_model(model, groups, {group.name: keep}), group, keep
        except PlanError:
            continue
    return None


def _require_fit(model: Model, group: ChannelGroup, keep: Sequence[int]) -> None:
    network = model.network()
    shapes, problems = trace_shapes(network, weights=model.weights)
    assert not problems, f"without a channel of {group.name}, Caffe would refuse it: {problems[0]}"
    for cut in group.values:
        stays = int(np.isin(cut.channels, [*keep, -1]).sum())
        shape = shapes[cut.value]
        right = shape is None or shape[cut.axis] == stays
        assert right, f"{cut.value} should keep {stays} channels, but is {show(shape)}"
    wanted: Mapping[str, Tuple[Shape, ...]] = blob_shapes(network)
    held: Dict[str, Tuple[Shape, ...]] = {
        name: tuple(blob.shape for blob in model.blobs(name)) for name in wanted
    }
    for name, found in wanted.items():
        if held[name]:
            assert held[name] == found, f"{name} keeps blobs of {held[name]}, its text says {found}"


def _constants_have_the_shape_of_tops(example: _Example) -> None:
    for node in example.nodes():
        tops = [example.shapes[value] for value in node.layer.tops]
        if None in tops or not example.kind.follows_constants:
            continue
        for number in (0.0, 1.0, np.nan):
            _require_constants(example, node, [top or () for top in tops], number)


def _require_constants(
    example: _Example, node: ShapeNode, tops: Sequence[Shape], number: float
) -> None:
    shapes = [shape or () for shape in node.bottoms]
    held = tuple(np.full((1,) * len(shape), number, np.float32) for shape in shapes)
    asked = ConstantNode(node.layer, held, tuple(shapes), tuple(tops), (), None)
    with np.errstate(all="ignore"):
        found = list(example.kind.constants(asked))
    _require_broadcast("constants", found, tops)


def _require_broadcast(what: str, arrays: Sequence[np.ndarray], tops: Sequence[Shape]) -> None:
    assert len(arrays) == len(tops), f"it answers {what} for {len(arrays)} of {len(tops)} tops"
    for array, top in zip(arrays, tops):
        fits = array.ndim == len(top) and all(
            size in (1, whole) for size, whole in zip(array.shape, top)
        )
        assert fits, f"it answers {what} of {show(array.shape)} for a top of {show(top)}"


_CHECKS = (
    _it_goes_by_its_names,
    _it_holds_no_state,
    _it_takes_what_the_example_gives,
    _each_top_has_a_shape,
    _each_blob_has_a_shape,
    _it_costs_a_number,
    _labels_have_the_shape_of_tops,
    _channels_fit_values_and_blobs,
    _it_fits_when_channels_go,
    _constants_have_the_shape_of_tops,
)
