"""What the losses of a user's own training text compare, to judge by on inputs kept aside.

The net that is used is judged, not the one that trains: a loss is known there if what it reads is
made there too, and if targets, labels or inputs alone make what it is held against.
"""

from __future__ import annotations

from math import prod
from typing import List, Mapping, Optional, Sequence, Tuple

from netsurgery.formats import Prototxt
from netsurgery.layers import Averaged, Compared
from netsurgery.network import Layer, Model, Network, Shape, Value, infer_shapes, own_losses
from netsurgery.training.data_layers import Sources, data_sources
from netsurgery.training.objectives import (
    DATA,
    LABELS,
    NOTHING,
    Given,
    GivenProbabilityObjective,
    GivenValueObjective,
    LabelObjective,
    Objective,
)
from netsurgery.training.train_val import trained_network


def names_read(model: Model, text: Prototxt, stages: Sequence[str] = ()) -> Tuple[str, ...]:
    """Return the blobs that a training text reads beside the inputs of the net: labels, targets.

    Args:
        model: The net as it is used.
        text: The text.
        stages: Stages that its solver asks for.
    """
    roles = data_sources(trained_network(text, stages), model).roles
    return tuple(top.blob for top, role in roles.items() if not role.startswith(DATA))


def own_objectives(
    model: Model,
    text: Prototxt,
    given: Mapping[str, Shape],
    stages: Sequence[str] = (),
) -> Tuple[Objective, ...]:
    """Return what the losses of a training text ask of values of the net that is used.

    Losses that nothing is known of are left out: of side heads, of what layers make of targets.

    Args:
        model: The net as it is used.
        text: The text.
        given: Targets that come beside the inputs: the shape of a sample of each.
        stages: Stages that its solver asks for.
    """
    network = trained_network(text, stages)
    sources = data_sources(network, model, given)
    # The numbers of one input are told from what its shape is for one.
    shapes = infer_shapes(model.network(), weights=model.weights)
    found: List[Objective] = []
    for value, factor in own_losses(network).items():
        layer = network.producer(value)
        if layer is None or layer.layer_type.compares is None or len(layer.bottoms) < 2:
            continue
        place = _in_use(model, network, layer.bottoms[0])
        told = _told_by(network, sources, layer.bottoms[1], given)
        if place is not None and told is not None:
            name = f"own{len(found)}"
            made = _objective(name, layer, place, factor, told, shapes.get(place))
            found += [] if made is None else [made]
    return tuple(found)


def _objective(
    name: str,
    layer: Layer,
    place: Value,
    weight: float,
    told: Given,
    shape: Optional[Shape],
) -> Optional[Objective]:
    """What a loss asks, averaged as Caffe does; a sum over a batch counts as one over an input."""
    kind, rule = layer.layer_type.compares, layer.parameter.loss_param
    numbers = prod(shape[1:]) if shape else 1
    ignored = int(rule.ignore_label) if rule.HasField("ignore_label") else None
    over = layer.layer_type.class_mean(layer)
    per_input, every = over in (Averaged.INPUTS, Averaged.NOTHING), over is not Averaged.VALID
    if kind is Compared.CLASSES:
        axis = layer.layer_type.class_axis(layer, len(shape) if shape else 4)
        given = None if told == NOTHING else told
        places = numbers // shape[axis] if shape and per_input else 1
        return LabelObjective(name, place, weight * places, axis, given, ignored, every)
    if told == NOTHING:
        return None
    if kind is Compared.PROBABILITIES:
        factor = weight * (numbers if per_input else 1)
        return GivenProbabilityObjective(name, place, factor, told, ignored, every)
    return GivenValueObjective(name, place, weight * numbers, told)


def _in_use(model: Model, network: Network, value: Value) -> Optional[Value]:
    """The value of the net that is used which a value of its training text is."""
    maker = network.producer(value)
    found = () if maker is None else model.network().find(maker.name)
    if maker is None or not found or found[0].type != maker.type:
        return None
    place = maker.tops.index(value)
    return found[0].tops[place] if place < len(found[0].tops) else None


def _told_by(
    network: Network, sources: Sources, value: Value, given: Mapping[str, Shape]
) -> Optional[Given]:
    """The targets, or the input, that a value holds; `NOTHING` for labels; None: not known."""
    part: Optional[Tuple[int, int]] = None
    while value not in sources.roles:
        layer = network.producer(value)
        if layer is None or len(layer.bottoms) != 1:
            return None
        kind = layer.layer_type
        if not (kind.is_identity or kind.reshapes):
            part = _part(layer, value, given)
            if part is None:
                return None
        value = layer.bottoms[0]
    role = sources.roles[value]
    return NOTHING if role == LABELS else Given(role.partition(":")[2], part)


def _part(layer: Layer, value: Value, given: Mapping[str, Shape]) -> Optional[Tuple[int, int]]:
    """Which entries along axis 1 of targets a layer cuts out that reads these themselves."""
    shape = given.get(layer.bottoms[0].blob)
    parts = layer.layer_type.parts(layer, shape[0]) if shape else None
    return None if parts is None else parts[layer.tops.index(value)]
