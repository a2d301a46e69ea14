"""What a training text is fed, in place of its own data layers."""

from __future__ import annotations

from math import prod
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from netsurgery.errors import FormatError, NetworkError, Remedy
from netsurgery.layers import Compared, DataSource
from netsurgery.network import Layer, Model, Network, Shape, Value, infer_shapes
from netsurgery.training.objectives import DATA, GIVEN, LABELS, data_role, given_role

_IMAGES = (DataSource.DATABASE, DataSource.IMAGES)


class Sources(NamedTuple):
    """Where a training text gets its data from.

    Attributes:
        roles: What goes into each blob that a source makes; the class of each input, an input of
            the net that is used, or targets that come beside the inputs.
        labelled: Values that are made of labels and targets alone.
        unread: Layers whose data nobody but their own Caffe reads; if there are any, they feed the
            net.
    """

    roles: Dict[Value, str]
    labelled: FrozenSet[Value]
    unread: Tuple[Layer, ...]


def data_sources(
    network: Network, model: Model, given: Optional[Mapping[str, Shape]] = None
) -> Sources:
    """Return where a training text gets its data from.

    What alone tells the class of an input are its labels. Where a text reads several of these, or
    several for each input, they are targets, under the names of their blobs.

    Args:
        network: What the text builds for training.
        model: The net as it is used.
        given: Targets that come beside the inputs: the shape of a sample of each.

    Raises:
        FormatError: Nothing says which source feeds which input of the net.
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
    told = [
        top
        for layer, index, top in tops
        if _is_compared(network, top, Compared.CLASSES)
        or (_is_second(layer, index) and not _is_compared(network, top, None))
    ]
    if unread:
        return Sources({}, _made_of(network, set(told)), unread)
    alone = len(told) == 1 and prod((given or {}).get(told[0].blob, ())) == 1
    roles = {top: LABELS if alone else given_role(top.blob) for top in told}
    rest = [(layer, index, top) for layer, index, top in tops if top not in roles]
    roles.update(_data_roles(network, model, rest))
    truths = {top for top, role in roles.items() if not role.startswith(DATA)}
    return Sources(roles, _made_of(network, truths), ())


def _is_unread(layer: Layer) -> bool:
    """Whether nobody here reads what a source reads: windows, code, a fork's own data layers."""
    kind = layer.layer_type
    if kind.is_input or kind.data is not None:
        return kind.data is DataSource.WINDOWS
    return not kind.knows_shapes


def _is_second(layer: Layer, index: int) -> bool:
    return layer.layer_type.data in _IMAGES and index > 0


def _is_compared(network: Network, top: Value, kind: Optional[Compared]) -> bool:
    """Whether a loss, or what counts right classes, holds such values against one; None: any."""
    return any(
        layer.layer_type.compares is not None
        and (kind is None or layer.layer_type.compares is kind)
        and top in layer.bottoms[1:2]
        for layer in network.consumers(top)
    )


def _made_of(network: Network, values: Set[Value]) -> FrozenSet[Value]:
    found = set(values)
    for layer in network.layers:
        if layer.bottoms and found.issuperset(layer.bottoms):
            found.update(layer.tops)
    return frozenset(found)


def _data_roles(
    network: Network, model: Model, tops: Sequence[Tuple[Layer, int, Value]]
) -> Dict[Value, str]:
    """Sources by the name of an input; where one is left on either side, these belong together."""
    inputs = [value.blob for value in model.network().inputs]
    found = {top: data_role(top.blob) for _, _, top in tops if top.blob in inputs}
    missing = [blob for blob in inputs if data_role(blob) not in found.values()]
    rest = [(layer, index, top) for layer, index, top in tops if top not in found]
    pictures = [
        top for layer, index, top in rest if layer.layer_type.data in _IMAGES and not index
    ] or [top for _, _, top in rest]
    if missing and pictures:
        if len(pictures) > 1 or len(missing) > 1:
            raise FormatError(
                f"{_named([top.blob for top in pictures])} are read, and nothing says which goes "
                f"into {_named(missing)} of the net that is used",
                file=network.prototxt.file,
                remedy="call the tops of its data layers as the net's inputs are called",
            )
        found[pictures[0]] = data_role(missing[0])
    found.update((top, given_role(top.blob)) for _, _, top in rest if top not in found)
    return found


def _named(blobs: Sequence[str]) -> str:
    return " and ".join(map(repr, blobs))


def shapes_fed(
    network: Network,
    model: Model,
    roles: Mapping[Value, str],
    batch: int,
    given: Optional[Mapping[str, Shape]] = None,
) -> Dict[str, Shape]:
    """Return the shapes of what is fed in place of data layers.

    Args:
        network: What the text builds for training.
        model: The net as it is used; tells the shapes of its inputs.
        roles: What is fed.
        batch: The number of inputs of a batch.
        given: Targets that come beside the inputs: the shape of a sample of each.

    Raises:
        NetworkError: A shape is not known.
        FormatError: Targets did not come.
    """
    used = model.network()
    declared = infer_shapes(used, weights=model.weights)
    known = {data_role(value.blob): declared[value] for value in used.inputs}
    known.update((given_role(name), (batch, *shape)) for name, shape in (given or {}).items())
    found: Dict[str, Shape] = {}
    unknown: List[Value] = []
    for value, role in roles.items():
        shape = (batch,) if role == LABELS else known.get(role)
        if shape:
            found[value.blob] = (batch, *shape[1:])
        elif given is not None and role.startswith(GIVEN):
            raise _no_targets(network, value)
        else:
            unknown.append(value)
    for value in unknown:
        found[value.blob] = _compared_shape(network, model, value, found, batch)
    return found


def _no_targets(network: Network, value: Value) -> FormatError:
    maker = network.producer(value)
    return FormatError(
        f"reads {value.blob!r}, and no array of that name came beside the inputs",
        file=network.prototxt.file,
        layer=None if maker is None else maker.name,
        remedy=Remedy(
            "give {} an .npz or HDF5 data that hold it, or the prototxt itself", "calibrate"
        ),
    )


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
