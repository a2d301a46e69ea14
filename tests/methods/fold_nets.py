"""Random chains of layers around a Convolution, Deconvolution or InnerProduct, side by side."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

import numpy as np
from small_models import make_model

from netsurgery.network.model import Model

Arrays = List[np.ndarray]
SIZE = 7


class Kind(NamedTuple):
    """A layer that takes others up."""

    type: str
    parameter: str
    weights: Tuple[int, ...]
    outputs: int
    takes_shift: bool = True


# All read 4 channels of 7 x 7.
KINDS = (
    Kind("Convolution", "num_output: 6 kernel_size: 3", (6, 4, 3, 3), 6),
    Kind(
        "Convolution",
        "num_output: 6 kernel_h: 1 kernel_w: 3 stride_h: 1 stride_w: 2",
        (6, 4, 1, 3),
        6,
    ),
    Kind("Convolution", "num_output: 6 kernel_size: 2 dilation: 2 group: 2", (6, 2, 2, 2), 6),
    Kind("Convolution", "num_output: 4 kernel_size: 3 pad: 1 group: 4", (4, 1, 3, 3), 4, False),
    Kind("Convolution", "num_output: 5 kernel_size: 3 pad_h: 1 pad_w: 0", (5, 4, 3, 3), 5, False),
    Kind("Convolution", "num_output: 5 kernel_size: 1 axis: -3", (5, 4, 1, 1), 5),
    Kind("Deconvolution", "num_output: 6 kernel_size: 3 stride: 2", (4, 6, 3, 3), 6, False),
    Kind("Deconvolution", "num_output: 6 kernel_size: 2 group: 2", (4, 3, 2, 2), 6, False),
    Kind("Deconvolution", "num_output: 6 kernel_size: 1 group: 2", (4, 3, 1, 1), 6),
    Kind("InnerProduct", "num_output: 5", (5, 196), 5),
    Kind("InnerProduct", "num_output: 5 transpose: true", (196, 5), 5),
)
BESIDE = (
    (),
    ("BatchNorm",),
    ("Scale",),
    ("Scale shift",),
    ("Bias",),
    ("Scale of all",),
    ("BatchNorm", "Scale"),
    ("BatchNorm", "Scale shift"),
    ("BatchNorm", "Scale", "Bias"),
    ("Scale shift", "BatchNorm"),
)
_PARAMETERS = {
    "Scale": "scale_param { axis: 1 }",
    "Scale shift": "scale_param { bias_term: true axis: -%d }",
    "Scale of all": "scale_param { num_axes: 0 bias_term: true }",
}


class _Builder:
    """Writes a net and its weights, layer by layer."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.text = (
            f'input: "data" input_shape {{ dim: 2 dim: 4 dim: {SIZE} dim: {SIZE} }}\n'
            'layer { name: "start" type: "Power" bottom: "data" top: "start" }\n'
        )
        self.blobs: Dict[str, Arrays] = {}

    def layer(self, name: str, type_: str, bottom: str, parameter: str, blobs: Arrays) -> str:
        """Add a layer, half of the time in place where its type can, and return its top."""
        in_place = type_ in ("BatchNorm", "Scale", "Bias", "ReLU") and bottom != "start"
        top = bottom if in_place and self.random.random() < 0.5 else name
        self.text += (
            f'layer {{ name: "{name}" type: "{type_}" bottom: "{bottom}" top: "{top}" '
            f"{parameter} }}\n"
        )
        if blobs:
            self.blobs[name] = blobs
        return top

    def beside(self, name: str, bottom: str, kinds: Tuple[str, ...], shape: Tuple) -> str:
        """Add BatchNorm, Scale and Bias layers in a row."""
        for number, kind in enumerate(kinds):
            parameter = _PARAMETERS.get(kind, "")
            parameter = parameter % (len(shape) - 1) if "%d" in parameter else parameter
            if kind == "BatchNorm":
                eps = self.random.choice([1e-5, 1e-3, 0.5])
                parameter = f"batch_norm_param {{ eps: {eps} }}"
            blobs = self._numbers(kind, shape[1])
            bottom = self.layer(f"{name}_{number}", kind.split()[0], bottom, parameter, blobs)
        return bottom

    def _numbers(self, kind: str, channels: int) -> Arrays:
        random = self.random
        if kind == "BatchNorm":
            factor = random.choice([0.0, 1.0, 37.5])
            mean, variance = random.normal(size=channels), random.uniform(0.2, 3, channels)
            return [mean * (factor or 1), variance * (factor or 1), np.array([factor])]
        if kind == "Scale of all":
            return [random.normal(size=()), random.normal(size=())]
        scale = random.uniform(0.2, 2, channels) * random.choice([-1, 1], channels)
        scale[random.integers(channels)] *= random.random() < 0.7  # a dead channel
        blobs = {"Scale": [scale], "Bias": [random.normal(size=channels)]}
        return blobs.get(kind, [scale, random.normal(size=channels)])


def random_chains(seed: int, count: int = 24) -> Model:
    """A net of that many chains, each with an output of its own."""
    random = np.random.default_rng(seed)
    net = _Builder(random)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        name = f"c{number}"
        before, behind = (BESIDE[random.integers(len(BESIDE))] for _ in range(2))
        bottom = net.beside(f"{name}_before", "start", before, (2, 4, SIZE, SIZE))
        bias = random.random() < 0.5
        message = "inner_product" if kind.type == "InnerProduct" else "convolution"
        parameter = kind.parameter + ("" if bias else " bias_term: false")
        blobs = [random.normal(size=kind.weights), random.normal(size=kind.outputs)]
        top = net.layer(
            name, kind.type, bottom, f"{message}_param {{ {parameter} }}", blobs[: 1 + bias]
        )
        axes = 2 if kind.type == "InnerProduct" else 4
        top = net.beside(f"{name}_behind", top, behind, (2, kind.outputs, 1, 1)[:axes])
        net.layer(f"{name}_out", "ReLU", top, "relu_param { negative_slope: 0.5 }", [])
    return make_model(net.text, net.blobs)
