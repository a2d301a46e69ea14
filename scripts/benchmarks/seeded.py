"""Nets with seeded weights: any prototxt, and chains of layers."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, Sequence, Tuple

import numpy as np

from netsurgery.formats import Blob, LayerWeights, Prototxt, Weights
from netsurgery.network import Layer, Model, Network, infer_shapes
from netsurgery.network.shapes import parameter_shapes

Shape = Tuple[int, ...]


def write_pair(text: bytes, prototxt: Path, weights: Path) -> None:
    """Write a net, and weights of the right shapes for it that are the same every time."""
    model = Model(Prototxt.parse(text))
    random = np.random.default_rng(0)
    layers = [
        LayerWeights(layer.name, layer.type, tuple(_blobs(layer, shapes, random)))
        for layer, shapes in _with_blobs(model.network())
    ]
    prototxt.parent.mkdir(parents=True, exist_ok=True)
    Model(model.prototxt, Weights.of(layers)).save(prototxt, weights)


def chain_of_convolutions(layers: int, width: int, size: int) -> bytes:
    """Return a net of so many 3 x 3 convolutions, each with a ReLU, and a classifier."""
    lines, bottom = [_input("dim: 1 dim: 3 " + f"dim: {size} " * 2)], "data"
    for number in range(layers):
        parameter = f"convolution_param {{ num_output: {width} kernel_size: 3 pad: 1 }}"
        lines.append(_layer(f"conv{number}", "Convolution", bottom, parameter))
        bottom = f"conv{number}"
        lines.append(_layer(f"relu{number}", "ReLU", bottom, "", bottom))
    return "".join([*lines, *_classifier(bottom)]).encode()


def chain_of_products(layers: int, width: int) -> bytes:
    """Return a net of so many InnerProduct layers, each with a ReLU, and a classifier."""
    lines, bottom = [_input(f"dim: 1 dim: {width}")], "data"
    for number in range(layers):
        parameter = f"inner_product_param {{ num_output: {width} }}"
        lines.append(_layer(f"fc{number}", "InnerProduct", bottom, parameter))
        bottom = f"fc{number}"
        lines.append(_layer(f"relu{number}", "ReLU", bottom, "", bottom))
    return "".join([*lines, *_classifier(bottom)]).encode()


def layers_in_place(count: int) -> bytes:
    """Return a net of so many ReLUs on one blob."""
    relus = (_layer(f"relu{number}", "ReLU", "data", "", "data") for number in range(count))
    return "".join([_input("dim: 1 dim: 3"), *relus]).encode()


def _with_blobs(network: Network) -> Iterator[Tuple[Layer, Sequence[Shape]]]:
    shapes = infer_shapes(network)
    for layer in network.layers:
        bottoms = [shapes[value] for value in layer.bottoms]
        if layer.type == "BatchNorm":
            # What blobs it has is another matter in every fork; these are stock Caffe's.
            channels = (bottoms[0][1],)
            yield layer, [channels, channels, (1,)]
        elif found := parameter_shapes(layer, bottoms):
            yield layer, found


def _blobs(layer: Layer, shapes: Sequence[Shape], random: np.random.Generator) -> Iterator[Blob]:
    """Of a size at which values neither vanish nor grow on their way (He et al. 2015)."""
    for number, shape in enumerate(shapes):
        if layer.type == "BatchNorm" and number == 2:
            values = np.ones(shape)
        elif (layer.type, number) in (("BatchNorm", 1), ("Scale", 0)):
            values = random.uniform(0.5, 1.5, shape)
        else:
            inputs = int(np.prod(shape[1:]))
            deviation = np.sqrt(2 / inputs) if len(shape) > 1 else 0.1
            values = random.normal(0, deviation, shape)
        yield Blob.of(values.astype(np.float32))


def _classifier(bottom: str) -> Iterator[str]:
    yield _layer("classes", "InnerProduct", bottom, "inner_product_param { num_output: 10 }")
    yield _layer("prob", "Softmax", "classes", "")


def _input(dims: str) -> str:
    return (
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}\n'
    )


def _layer(name: str, kind: str, bottom: str, parameter: str, top: str = "") -> str:
    blobs = f'bottom: "{bottom}" top: "{top or name}"'
    return f'layer {{ name: "{name}" type: "{kind}" {blobs} {parameter} }}\n'
