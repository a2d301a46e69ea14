"""Random nets in which channels are dead: zero rows, zero columns, zero factors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
from channel_choices import with_random_weights
from channel_nets import MAKERS, convolution, line, pictures, simple, sizes, with_readers
from hypothesis import strategies as st

from netsurgery.errors import NetworkError
from netsurgery.formats.weights import Blob, LayerWeights
from netsurgery.network.model import Model

Draw = Callable[[Any], Any]

NEURONS: Dict[str, str] = {
    "AbsVal": "",
    "BNLL": "",
    "ELU": "elu_param { alpha: 0.5 }",
    "Exp": "exp_param { base: 2 scale: 0.5 shift: -1 }",
    "PReLU": "",
    "Power": "power_param { power: 2 scale: 0.5 shift: 1 }",
    "ReLU": "relu_param { negative_slope: 0.1 }",
    "Sigmoid": "",
    "TanH": "",
    "Threshold": "threshold_param { threshold: 0.1 }",
}


def pooling(draw: Draw, name: str, blobs: Any) -> str:
    kernel = draw(st.integers(1, 3))
    body = f"pool: {draw(st.sampled_from(['AVE', 'MAX']))} kernel_size: {kernel} "
    body += f"stride: {draw(st.integers(1, 4))} pad: {draw(st.integers(0, kernel - 1))}"
    return simple("Pooling", f"pooling_param {{ {body} }}")(draw, name, blobs)


def activation(draw: Draw, name: str, blobs: Any) -> str:
    kind = draw(st.sampled_from(["ReLU", "ReLU", *sorted(NEURONS)]))
    body = "" if draw(st.booleans()) else NEURONS[kind]
    return simple(kind, body)(draw, name, blobs)


def weighted_sum(draw: Draw, name: str, blobs: Any) -> str:
    first = draw(st.sampled_from(pictures(blobs)))
    alike = [one for one in pictures(blobs) if blobs[one] == blobs[first]]
    body = "eltwise_param { coeff: 0.5 coeff: -2 }"
    return line("Eltwise", name, [first, draw(st.sampled_from(alike))], [name], body)


MADE = {
    **MAKERS,
    "activation": activation,
    "activation again": activation,
    "convolution": convolution("Convolution", [4, 6, 8], [1, 1, 2]),
    "pooling": pooling,
    "weighted sum": weighted_sum,
}


@st.composite
def dead_nets(draw: Draw, most_layers: int = 7) -> str:
    """The text of a net: a convolution of an input, random layers, and a product of all."""
    size = draw(st.integers(5, 9))
    shape = f"shape {{ dim: 2 dim: 3 dim: {size} dim: {size} }}"
    text = f'layer {{ name: "x" type: "Input" top: "x" input_param {{ {shape} }} }}\n'
    body = "convolution_param { kernel_size: 3 num_output: 8 pad: 1 }"
    text += line("Convolution", "first", ["x"], ["first"], body)
    for number in range(draw(st.integers(1, most_layers))):
        more = MADE[draw(st.sampled_from(sorted(MADE)))](draw, f"b{number}", sizes(text))
        try:
            sizes(text + more)
        except NetworkError:
            continue
        text += more
    return with_readers(text)


def planted(text: str, seed: int = 0, share: float = 0.3) -> Model:
    """The model of a net in which about that share of all rows, columns and factors is zero."""
    random = np.random.default_rng(seed)
    model = with_random_weights(text, seed)
    assert model.weights is not None
    changes: Dict[str, List[LayerWeights]] = {}
    for layer in model.network().layers:
        blobs = [blob.array().copy() for blob in model.blobs(layer.name)]
        facts = layer.layer_type.describe_blobs(layer)
        if blobs and facts and layer.type != "BatchNorm":
            axes = (facts[0].outputs, facts[0].inputs)
            _zero(blobs[0], [axis for axis in axes if axis is not None], random, share)
            held = tuple(map(Blob.of, blobs))
            changes[layer.name] = [LayerWeights(layer.name, layer.type, held)]
    return Model(model.prototxt, model.weights.replace(changes))


def in_caffe(ask_caffe: Any, model: Model, folder: Path) -> Dict[str, np.ndarray]:
    """All blobs of a model in real Caffe, for inputs that depend on their shapes alone."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "net.prototxt", folder / "net.caffemodel")
    answer = ask_caffe(
        folder / "net.prototxt", weights=folder / "net.caffemodel", forward=3, keep=folder
    )
    assert "error" not in answer, (answer, model.prototxt.data.decode())
    return {name: np.load(folder / f"{i}.npy") for i, (name, _) in enumerate(answer["blobs"])}


def _zero(
    array: np.ndarray, axes: Sequence[int], random: np.random.Generator, share: float
) -> None:
    for axis in axes if array.ndim else ():
        gone = random.random(array.shape[axis]) < share
        np.moveaxis(array, axis, 0)[gone] = 0
