"""The layers that lead to what a loss reads, with an Input layer for all that they are fed."""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from netsurgery.calibration import samples_are_apart
from netsurgery.errors import NetworkError, Remedy, RequestError
from netsurgery.formats import Prototxt, quoted, upgrade_net
from netsurgery.network import (
    Layer,
    Model,
    Network,
    Shape,
    Value,
    as_built,
    infer_shapes,
    layers_to,
    take_apart,
    with_open_batch,
)
from netsurgery.training.loss_text import input_text
from netsurgery.training.objectives import data_role


class Trunk(NamedTuple):
    """Layers to put losses behind.

    Attributes:
        prototxt: They, in V2, all of them built whatever the phase.
        fed: The blobs that are fed, and the role of each.
        blobs: The blob of each value that was wanted.
        untrained: Layers with weights that were left out, as no loss depends on them.
    """

    prototxt: Prototxt
    fed: Dict[str, str]
    blobs: Dict[Value, str]
    untrained: Tuple[str, ...] = ()


def trunk_of(model: Model, wanted: Sequence[Value], batch: int) -> Trunk:
    """Return the layers of a net that make some values of a batch.

    Layers compute in place where they did, unless one would overwrite what is wanted.

    Args:
        model: The net as it is used.
        wanted: Values of it.
        batch: The number of inputs of a batch.

    Raises:
        NetworkError: A value is not of this net.
        RequestError: A value depends on no input, or the net does not take so many inputs.
    """
    network = with_open_batch(model.network())
    for value in wanted:
        if value not in network.values:
            raise NetworkError(f"the net has no value {value}", file=network.prototxt.file)
    shapes = batched_inputs(network, model, wanted, batch)
    if all(network.last(value.blob) == value for value in wanted):
        text, blobs = as_built(network), {value: value.blob for value in wanted}
    else:
        text, names = take_apart(network)
        blobs = {value: names[value] for value in wanted}
    built = Network.of(upgrade_net(text, keep_unknown=True).prototxt, "TRAIN")
    needed = layers_to(built, [built.last(blob) for blob in blobs.values()])
    inputs = {
        value.blob: shapes[value.blob] for layer in needed for value in _fed(built, layer, shapes)
    }
    if not inputs:
        raise RequestError("what is to be trained depends on no input of the net")
    prototxt = assembled(built, needed, inputs)
    fed = {blob: data_role(blob) for blob in inputs}
    return Trunk(prototxt, fed, blobs, untrained(model, built, needed))


def _fed(network: Network, layer: Layer, shapes: Mapping[str, Shape]) -> Tuple[Value, ...]:
    tops = layer.tops if layer.layer_type.is_input else ()
    return tuple(top for top in tops if top.blob in shapes and network.consumers(top))


def batched_inputs(
    network: Network, model: Model, wanted: Sequence[Value], batch: int
) -> Dict[str, Shape]:
    """Return the shapes of a net's inputs with so many inputs at once.

    Args:
        network: The net, with an open batch.
        model: Its weights may tell shapes.
        wanted: The values that are looked at.
        batch: The number of inputs.

    Raises:
        RequestError: The net does not take so many.
        NetworkError: An input has no shape.
    """
    shapes = infer_shapes(network, weights=model.weights)
    declared = {value.blob: shapes[value] for value in network.inputs}
    for blob, shape in declared.items():
        if not shape:
            raise NetworkError(
                f"input {blob!r} declares no shape",
                file=network.prototxt.file,
                remedy=Remedy("give it in {}, or in the prototxt", "input_shapes"),
            )
    found = {blob: tuple(shape) for blob, shape in declared.items() if shape}
    if any(shape[0] != batch for shape in found.values()):
        samples = {blob: shape[1:] for blob, shape in found.items()}
        if not samples_are_apart(network, samples, wanted):
            sizes = " and ".join(sorted({str(shape[0]) for shape in found.values()}))
            raise RequestError(
                f"this net takes {sizes} inputs at a time, and not {batch}",
                remedy=Remedy(f"give {sizes} as {{}}", "batch"),
            )
    return {blob: (batch, *shape[1:]) for blob, shape in found.items()}


def assembled(network: Network, layers: Sequence[Layer], fed: Mapping[str, Shape]) -> Prototxt:
    """Return a text of some layers, with Input layers for what is fed in place of its sources.

    Args:
        network: The V2 net that they are of.
        layers: The layers.
        fed: Blobs to feed, and their shapes; layers that make nothing else are left out.
    """
    texts = [input_text(blob, shape) for blob, shape in fed.items()]
    texts += [
        layer.text.text + b"\n"
        for layer in layers
        if layer.bottoms or not {top.blob for top in layer.tops} & set(fed)
    ]
    name = f"name: {quoted(network.name)}\n".encode("utf-8", "surrogateescape")
    return Prototxt.parse((name if network.name else b"") + b"".join(texts), network.prototxt.file)


def untrained(model: Model, network: Network, needed: Sequence[Layer]) -> Tuple[str, ...]:
    """Return the layers of a model that have weights, and are in a net, but not needed there."""
    names = {layer.name for layer in needed}
    return tuple(
        dict.fromkeys(
            layer.name
            for layer in network.layers
            if layer.name not in names and model.blobs(layer.name)
        )
    )


def shape_of(network: Network, blob: str, model: Model) -> Shape:
    """Return the shape of a blob.

    Raises:
        NetworkError: It is not known.
    """
    shape: Optional[Shape] = infer_shapes(network, weights=model.weights)[network.last(blob)]
    if shape is None:
        raise NetworkError(f"the shape of {blob!r} is not known", file=network.prototxt.file)
    return shape
