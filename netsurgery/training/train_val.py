"""The net that trains by a user's own text: its losses, side heads and factors as they are."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from netsurgery.errors import FormatError, NetworkError, RequestError
from netsurgery.formats import Prototxt, upgrade_net
from netsurgery.layers import Compared
from netsurgery.network import (
    IGNORED,
    Layer,
    Model,
    Network,
    Shape,
    Value,
    as_built,
    fresh_name,
    layers_to,
    names_taken,
    own_losses,
    reached_by,
    take_apart,
)
from netsurgery.training.data_layers import Sources, data_sources, shapes_fed
from netsurgery.training.trunk import Trunk, assembled, untrained


class OwnTraining(NamedTuple):
    """A user's training text as a net to step.

    Attributes:
        trunk: Its layers, their losses among them, and the blobs of other values wanted.
        losses: Its loss blobs, and the factor of each.
        compared: The loss of classes that counts most, to count right ones beside it: its
            scores, its labels, and the axis of the classes.
        accuracy: What it counts right classes by itself.
        own_data: Its own data layers feed it.
        notes: What is not as one might expect.
    """

    trunk: Trunk
    losses: Dict[str, float]
    compared: Optional[Tuple[str, str, int]] = None
    accuracy: Optional[str] = None
    own_data: bool = False
    notes: Tuple[str, ...] = ()


def own_training(
    model: Model,
    text: Prototxt,
    wanted: Sequence[Value],
    batch: int,
    *,
    labels: Optional[float],
    stages: Sequence[str] = (),
    given: Optional[Mapping[str, Shape]] = None,
    unlabelled: bool = False,
) -> OwnTraining:
    """Return what a user's text trains, fed from outside.

    Args:
        model: The net as it is used.
        text: The text.
        wanted: Values of the net that is used, which other losses will read.
        batch: The number of inputs of a batch.
        labels: The factor of losses that read labels or targets; None leaves them out.
        stages: Stages that its solver asks for.
        given: Targets that come beside the inputs: the shape of a sample of each.
        unlabelled: Some labels are -1, which says that there is none.

    Raises:
        FormatError: It is no text of this net, or its data layers do not tell what they feed.
        NetworkError: Caffe would abort on it.
        RequestError: It has no loss, or none without labels; one cannot do without some.
    """
    network = trained_network(text, stages)
    places = {value: _counterpart(model, network, value) for value in wanted}
    sources = data_sources(network, model, given)
    losses = _losses(network, sources, labels)
    if not losses and not wanted:
        what = "has no loss that needs no labels" if own_losses(network) else "has no loss"
        raise RequestError(
            f"{text.file or 'the training text'} {what}",
            remedy="give labels, or a teacher",
        )
    if sources.unread and wanted:
        layer = sources.unread[0]
        raise FormatError(
            f"is of type {layer.type}, whose data only its own Caffe reads: no teacher can be asked"
            " about them",
            file=text.file,
            layer=layer.name,
            remedy="train without this text, on inputs of your own",
        )
    found = _fed(model, network, sources, losses, places, batch, given)
    if unlabelled and not found.own_data:
        text_read = _passing_over(found.trunk.prototxt, sources)
        found = found._replace(trunk=found.trunk._replace(prototxt=text_read))
    if wanted and found.own_data:
        raise FormatError(
            "feeds itself with numbers of its own, so that no teacher can be asked about them",
            file=text.file,
            remedy="train without this text, on inputs of your own",
        )
    return found


def trained_network(text: Prototxt, stages: Sequence[str] = ()) -> Network:
    """Return what a user's text builds for training, in V2, with a name for each loss.

    Args:
        text: The text.
        stages: Stages that its solver asks for.
    """
    upgraded = upgrade_net(text, keep_unknown=True).prototxt
    built = as_built(Network.of(upgraded, "TRAIN", 0, stages))
    return Network.of(_with_named_losses(Network.of(built, "TRAIN")), "TRAIN")


def _with_named_losses(network: Network) -> Prototxt:
    """The text with a top for each loss that has none: Caffe makes one up, and it counts."""
    taken = names_taken(network)
    changes = {
        layer.text.index: layer.text.edited(tops=[fresh_name(f"{layer.name}_loss", taken)])
        for layer in network.layers
        if layer.layer_type.is_loss and layer.bottoms and not layer.tops
    }
    return network.prototxt.replace_layers(changes) if changes else network.prototxt


def _counterpart(model: Model, network: Network, value: Value) -> Value:
    """Where a value of the net that is used stands in its training text."""
    maker = model.network().producer(value)
    found = () if maker is None else network.find(maker.name)
    if maker is None or not found:
        raise NetworkError(
            f"is not in the training text, and its {value.blob!r} is to be taught",
            file=network.prototxt.file,
            layer=None if maker is None else maker.name,
            remedy="give the text that belongs to this net",
        )
    return found[0].tops[maker.tops.index(value)]


def _losses(network: Network, sources: Sources, labels: Optional[float]) -> Dict[Value, float]:
    found: Dict[Value, float] = {}
    for value, factor in own_losses(network).items():
        maker = network.producer(value)
        assert maker is not None, "a layer makes each loss"
        reads_labels = not sources.labelled.isdisjoint(maker.bottoms)
        if not reads_labels or labels is not None:
            found[value] = factor * labels if reads_labels and labels is not None else factor
    return found


def _fed(
    model: Model,
    network: Network,
    sources: Sources,
    losses: Dict[Value, float],
    places: Dict[Value, Value],
    batch: int,
    given: Optional[Mapping[str, Shape]],
) -> OwnTraining:
    counted = _accuracy(network, losses)
    ends = [*losses, *places.values(), *([] if counted is None else [counted])]
    needed = layers_to(network, ends)
    reached = reached_by(network, ends)
    roles = {value: role for value, role in sources.roles.items() if value in reached}
    shapes = shapes_fed(network, model, roles, batch, given)
    text = _weighed(assembled(network, needed, shapes), losses)
    final, blobs = _unwritten(text, places)
    trunk = Trunk(
        final,
        {value.blob: role for value, role in roles.items()},
        blobs,
        untrained(model, network, needed),
    )
    return OwnTraining(
        trunk,
        {value.blob: factor for value, factor in losses.items()},
        _compared(network, sources, losses),
        None if counted is None else counted.blob,
        bool(sources.unread) or not roles,
        _own_data(sources),
    )


def _unwritten(text: Prototxt, places: Dict[Value, Value]) -> Tuple[Prototxt, Dict[Value, str]]:
    """The text in which nothing overwrites what is wanted, and the blob of that."""
    network = Network.of(text, "TRAIN")
    if all(network.last(place.blob) == place for place in places.values()):
        return text, {value: place.blob for value, place in places.items()}
    apart = take_apart(network)
    return apart.prototxt, {value: apart.names[place] for value, place in places.items()}


def _weighed(text: Prototxt, losses: Dict[Value, float]) -> Prototxt:
    """The text with these factors of losses, where it has others."""
    changes = {}
    for layer in Network.of(text, "TRAIN").layers:
        own = own_losses_of(layer)
        wanted = [losses.get(top, 0.0) for top in layer.tops]
        if own and wanted != own:
            changes[layer.text.index] = layer.text.edited(fields={"loss_weight": wanted})
    return text.replace_layers(changes) if changes else text


def _passing_over(text: Prototxt, sources: Sources) -> Prototxt:
    """The text whose layers pass over the label -1: Caffe itself takes it for a place in memory."""
    labelled = {value.blob for value in sources.labelled}
    changes = {}
    for layer in Network.of(text, "TRAIN").layers:
        kind = layer.layer_type
        if kind.compares is not Compared.CLASSES or layer.bottoms[1].blob not in labelled:
            continue
        fields = kind.ignoring_fields(layer, IGNORED)
        if fields is None:
            raise RequestError(
                f"a {layer.type} cannot pass over inputs whose label is {IGNORED}",
                file=text.file,
                layer=layer.name,
                remedy="leave these inputs out",
            )
        if fields:
            changes[layer.text.index] = layer.text.edited(fields=fields)
    return text.replace_layers(changes) if changes else text


def own_losses_of(layer: Layer) -> List[float]:
    """Return the factor of each thing that a layer makes in the loss of a net; [] for no loss.

    Args:
        layer: The layer.
    """
    given = list(layer.parameter.loss_weight) or ([1.0] if layer.layer_type.is_loss else [])
    padded = [*given, *[0.0] * (len(layer.tops) - len(given))][: len(layer.tops)]
    return padded if any(padded) else []


def _accuracy(network: Network, losses: Dict[Value, float]) -> Optional[Value]:
    """What the text itself counts right classes by, of scores that a loss reads."""
    read = {
        bottom
        for value in losses
        for layer in (network.producer(value),)
        if layer is not None
        for bottom in layer.bottoms
    }
    for layer in network.layers:
        kind = layer.layer_type
        counts = kind.compares is Compared.CLASSES and not kind.is_loss
        if counts and len(layer.tops) == 1 and read.issuperset(layer.bottoms):
            return layer.tops[0]
    return None


def _compared(
    network: Network, sources: Sources, losses: Dict[Value, float]
) -> Optional[Tuple[str, str, int]]:
    """Scores and labels of the class loss with the largest factor, the last of those alike."""
    best: Optional[Tuple[float, Tuple[str, str, int]]] = None
    for value, factor in losses.items():
        layer = network.producer(value)
        if layer is None or layer.layer_type.compares is not Compared.CLASSES:
            continue
        # Who ignores some labels has others there than classes.
        if layer.parameter.loss_param.HasField("ignore_label"):
            continue
        scores, labels = layer.bottoms[:2]
        # Only the last value of a blob is there to be read behind all layers.
        kept = network.last(scores.blob) == scores
        if kept and labels in sources.labelled and (best is None or factor >= best[0]):
            axis = int(layer.parameter.softmax_param.axis)
            best = factor, (scores.blob, labels.blob, axis)
    return None if best is None else best[1]


def _own_data(sources: Sources) -> Tuple[str, ...]:
    if not sources.unread:
        return ()
    names = ", ".join(f"{layer.name} ({layer.type})" for layer in sources.unread)
    return (
        f"only their own Caffe reads the data of {names}: where it stands in them is no part of a "
        "state, so a run that goes on after a stop ends in other last bits",
    )
