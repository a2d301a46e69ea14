"""What a training text is fed, in place of its own data layers."""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from netsurgery.errors import FormatError, NetworkError
from netsurgery.layers import Compared, DataSource
from netsurgery.network import Layer, Model, Network, Shape, Value, infer_shapes
from netsurgery.training.objectives import LABELS, data_role

_IMAGES = (DataSource.DATABASE, DataSource.IMAGES)


class Sources(NamedTuple):
    """Where a training text gets its data from.

    Attributes:
        roles: What goes into each blob that a source makes; the class of each input, or an input
            of the net that is used.
        labelled: Values that are made of labels alone.
        unread: Layers whose data nobody but their own Caffe reads; if there are any, they feed the
            net.
    """

    roles: Dict[Value, str]
    labelled: FrozenSet[Value]
    unread: Tuple[Layer, ...]


def sources_of(network: Network, model: Model) -> Sources:
    """Return where a training text gets its data from.

    Args:
        network: What the text builds for training.
        model: The net as it is used.

    Raises:
        FormatError: Two sources feed what there is one of.
    """
    layers = [one for one in network.layers if not one.bottoms and not one.layer_type.feeds_itself]
    layers = [one for one in layers if any(network.consumers(top) for top in one.tops)]
    unread = tuple(layer for layer in layers if _is_unread(layer))
    tops = [
        (layer, index, top)
        for layer in layers
        for index, top in enumerate(layer.tops)
        if network.consumers(top)
    ]
    roles = {
        top: LABELS
        for layer, index, top in tops
        if _is_second(layer, index) or _is_compared(network, top)
    }
    if unread:
        return Sources({}, _made_of(network, set(roles)), unread)
    rest = [(layer, top) for layer, _, top in tops if top not in roles]
    roles.update(_data_roles(network, model, rest))
    _refuse_twice(network, roles)
    labels = {top for top, role in roles.items() if role == LABELS}
    return Sources(roles, _made_of(network, labels), ())


def _is_unread(layer: Layer) -> bool:
    """Whether nobody here reads what a source reads: windows, code, a fork's own data layers."""
    kind = layer.layer_type
    if kind.is_input or kind.data is not None:
        return kind.data is DataSource.WINDOWS
    return not kind.knows_shapes


def _is_second(layer: Layer, index: int) -> bool:
    return layer.layer_type.data in _IMAGES and index > 0


def _is_compared(network: Network, top: Value) -> bool:
    """Whether a loss, or what counts right classes, holds scores of classes against a value."""
    return any(
        layer.layer_type.compares is Compared.CLASSES and top in layer.bottoms[1:2]
        for layer in network.consumers(top)
    )


def _made_of(network: Network, values: Set[Value]) -> FrozenSet[Value]:
    found = set(values)
    for layer in network.layers:
        if layer.bottoms and found.issuperset(layer.bottoms):
            found.update(layer.tops)
    return frozenset(found)


def _data_roles(
    network: Network, model: Model, tops: Sequence[Tuple[Layer, Value]]
) -> Dict[Value, str]:
    """Sources by the name of an input; where one is left on either side, these belong together."""
    inputs = [value.blob for value in model.network().inputs]
    found = {top: data_role(top.blob) for _, top in tops if top.blob in inputs}
    missing = [blob for blob in inputs if data_role(blob) not in found.values()]
    rest = [(layer, top) for layer, top in tops if top not in found]
    pictures = [top for layer, top in rest if layer.layer_type.data in _IMAGES] or [
        top for _, top in rest
    ]
    if missing and pictures:
        if len(pictures) > 1 or len(missing) > 1:
            raise FormatError(
                f"{_named([top.blob for top in pictures])} are read, and nothing says which goes "
                f"into {_named(missing)} of the net that is used",
                file=network.prototxt.file,
                remedy="call the tops of its data layers as the net's inputs are called",
            )
        found[pictures[0]] = data_role(missing[0])
    found.update((top, data_role(top.blob)) for _, top in rest if top not in found)
    return found


def _named(blobs: Sequence[str]) -> str:
    return " and ".join(map(repr, blobs))


def _refuse_twice(network: Network, roles: Mapping[Value, str]) -> None:
    labels = [top.blob for top, role in roles.items() if role == LABELS]
    if len(labels) > 1:
        raise FormatError(
            f"reads labels as {_named(labels)}, and an input has one class",
            file=network.prototxt.file,
            remedy="leave out the losses of all but one in a copy of it",
        )


def shapes_fed(
    network: Network, model: Model, roles: Mapping[Value, str], batch: int
) -> Dict[str, Shape]:
    """Return the shapes of what is fed in place of data layers.

    Args:
        network: What the text builds for training.
        model: The net as it is used; tells the shapes of its inputs.
        roles: What is fed.
        batch: The number of inputs of a batch.

    Raises:
        NetworkError: A shape is not known.
    """
    used = model.network()
    declared = infer_shapes(used, weights=model.weights)
    inputs = {data_role(value.blob): declared[value] for value in used.inputs}
    found: Dict[str, Shape] = {}
    unknown: List[Value] = []
    for value, role in roles.items():
        shape = (batch,) if role == LABELS else inputs.get(role)
        if shape:
            found[value.blob] = (batch, *shape[1:])
        else:
            unknown.append(value)
    for value in unknown:
        found[value.blob] = _compared_shape(network, model, value, found, batch)
    return found


def _compared_shape(
    network: Network, model: Model, value: Value, found: Mapping[str, Shape], batch: int
) -> Shape:
    """The shape that a value has by its own text, or that of what a loss compares it with."""
    known = Network.of(network.prototxt, network.phase, inputs=found)
    shapes = infer_shapes(known, weights=model.weights)
    own: Optional[Shape] = shapes.get(value)
    if own:
        return (batch, *own[1:])
    for layer in known.consumers(value):
        others = [shapes[one] for one in layer.bottoms if one != value]
        if layer.layer_type.is_loss and others and others[0]:
            return others[0]
    maker = network.producer(value)
    raise NetworkError(
        f"nothing tells the shape of {value.blob!r}",
        file=network.prototxt.file,
        layer=maker.name or None if maker is not None else None,
        remedy="declare it with an Input layer in a copy of the text",
    )
