"""Nets of forks, and the same nets as stock Caffe writes them: both made at once, by hand."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

import numpy as np
from small_models import make_model

from netsurgery.network.model import Model

Arrays = List[np.ndarray]
CHANNELS, SIZE = 6, 11


class Words(NamedTuple):
    """A layer in the words of a fork, and in stock Caffe's."""

    fork: Tuple[str, str]
    stock: Tuple[str, str]


def _convolution(type_: str, fields: str, stock: str) -> Words:
    rest = f"num_output: {CHANNELS} kernel_size: 3 pad: 1"
    return Words(
        (type_, f"convolution_param {{ {rest} {fields} }}"),
        ("Convolution", f"convolution_param {{ {rest} {stock} }}"),
    )


GROUPED = f"group: {CHANNELS}"
CONVOLUTIONS = (
    _convolution("Convolution", "hole: 2", "dilation: 2"),
    _convolution("Convolution", "hole: 1", ""),
    _convolution("Convolution", "hole_h: 3 hole_w: 1 group: 2", "dilation: [3, 1] group: 2"),
    _convolution("Convolution", "dilation_h: 1 dilation_w: 2", "dilation: 1 dilation: 2"),
    _convolution("DepthwiseConvolution", f"{GROUPED} hole: 2", f"{GROUPED} dilation: 2"),
    _convolution(
        "DepthwiseConvolution", f"{GROUPED} bias_term: false", f"{GROUPED} bias_term: false"
    ),
    _convolution("ConvolutionDepthwise", "stride: 1", GROUPED),
    _convolution("MKLConvolution", "", ""),
)
NORMALISED = (
    "batch_norm_param { scale_bias: true eps: %r }",
    'batch_norm_param { scale_filler { type: "constant" value: 1 } eps: %r }',
    "batch_norm_param { bias_filler { value: 0.5 } scale_bias: false eps: %r }",
    "bn_param { eps: %r momentum: 0.9 slope_filler { value: 1 } }",
    "bn_param { var_eps: %r moving_average: true scale_filler { value: 1 } }",
    "bn_param { bn_mode: INFERENCE scale_filler { value: 1 } shift_filler { value: 0.001 } }",
)


class ForkPair:
    """Writes both nets, layer by layer."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.texts = [f'input: "data" input_shape {{ dim: [2, {CHANNELS}, {SIZE}, {SIZE}] }}\n'] * 2
        self.blobs: List[Dict[str, Arrays]] = [{}, {}]

    @property
    def models(self) -> Tuple[Model, Model]:
        """The fork's, and stock's."""
        fork, stock = (make_model(*one) for one in zip(self.texts, self.blobs))
        return fork, stock

    def convolution(self, name: str, bottom: str, words: Words) -> str:
        depthwise = "epthwise" in words.fork[0]
        inputs = 1 if depthwise else CHANNELS // (2 if "group: 2" in words.fork[1] else 1)
        shape = (CHANNELS, inputs, 3, 3)
        weights = [self.random.normal(size=shape), self.random.normal(size=CHANNELS)]
        weights = weights[: 1 + ("bias_term: false" not in words.fork[1])]
        for side, (type_, parameter) in enumerate(words):
            self._add(side, name, type_, bottom, name, parameter, weights)
        return name

    def normalised(self, name: str, bottom: str, parameter: str) -> str:
        """A layer that normalises and scales; half of the time in place."""
        random = self.random
        mean, shift = random.normal(size=(2, CHANNELS))
        variance, scale = random.uniform(0.2, 3, (2, CHANNELS))
        top = bottom if random.random() < 0.5 else name
        type_, eps = ("BN" if "bn_param" in parameter else "BatchNorm"), 0.25
        if "INFERENCE" in parameter:
            blobs = [one.reshape(1, -1, 1, 1) for one in (scale, shift)]
            self._add(0, name, type_, bottom, top, parameter, blobs)
            self._add(
                1, name, "Scale", bottom, top, "scale_param { bias_term: true }", [scale, shift]
            )
            return top
        factor = random.choice([0.0, 1.0, 40.0]) if type_ == "BatchNorm" else 1.0
        stored = [mean * (factor or 1), variance * (factor or 1), np.array([factor]), scale, shift]
        if type_ == "BN":
            stored = [one.reshape(1, -1, 1, 1) for one in (scale, shift, mean, variance)]
        self._add(0, name, type_, bottom, top, parameter % eps, stored)
        own = [mean, variance, np.ones(1)]
        between = bottom if top == bottom else f"{name}_between"
        self._add(1, name, "BatchNorm", bottom, between, f"batch_norm_param {{ eps: {eps} }}", own)
        scaled = "scale_param { bias_term: true }"
        self._add(1, f"{name}_by", "Scale", between, top, scaled, [scale, shift])
        return top

    def both(self, name: str, type_: str, bottom: str, parameter: str, blobs: Arrays) -> str:
        """The same layer in both nets."""
        for side in (0, 1):
            self._add(side, name, type_, bottom, name, parameter, blobs)
        return name

    def _add(
        self, side: int, name: str, type_: str, bottom: str, top: str, parameter: str, blobs: Arrays
    ) -> None:
        self.texts[side] += (
            f'layer {{ name: "{name}" type: "{type_}" bottom: "{bottom}" top: "{top}" '
            f"{parameter} }}\n"
        )
        if blobs:
            self.blobs[side][name] = blobs


def fork_pair(seed: int, depth: int = 8) -> Tuple[Model, Model]:
    """A net of a fork, and the same in stock Caffe's words."""
    net, bottom = ForkPair(seed), "data"
    order = net.random.permutation(len(CONVOLUTIONS))
    for number in range(depth):
        words = CONVOLUTIONS[order[number % len(order)]]
        bottom = net.convolution(f"conv{number}", bottom, words)
        if net.random.random() < 0.8:
            parameter = NORMALISED[net.random.integers(len(NORMALISED))]
            bottom = net.normalised(f"norm{number}", bottom, parameter)
        bottom = net.both(f"relu{number}", "ReLU", bottom, "relu_param { negative_slope: 0.5 }", [])
    weights = [net.random.normal(size=(3, CHANNELS, 1, 1)), net.random.normal(size=3)]
    net.both(
        "last", "Convolution", bottom, "convolution_param { num_output: 3 kernel_size: 1 }", weights
    )
    return net.models
