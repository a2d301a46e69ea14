"""A small convolutional net for planners: two convolutions, two InnerProduct layers."""

from __future__ import annotations

from typing import Optional

import numpy as np
from small_models import make_model

from netsurgery.calibration import Inputs
from netsurgery.network.model import Model

TEXT = """\
name: "small"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 4 dim: 3 dim: 12 dim: 10 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 16 kernel_size: 5 pad: 2 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
        convolution_param { num_output: 24 kernel_size: 3 stride: 2 } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "fc1" type: "InnerProduct" bottom: "conv2" top: "fc1"
        inner_product_param { num_output: 32 } }
layer { name: "relu3" type: "ReLU" bottom: "fc1" top: "fc1" }
layer { name: "fc2" type: "InnerProduct" bottom: "fc1" top: "fc2"
        inner_product_param { num_output: 10 } }
layer { name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }
"""
SHAPES = {
    "conv1": (16, 3, 5, 5),
    "conv2": (24, 16, 3, 3),
    "fc1": (32, 24 * 5 * 4),
    "fc2": (10, 32),
}


def small_net(text: str = TEXT, more: Optional[dict[str, tuple[int, ...]]] = None) -> Model:
    """The net, perhaps with more layers, with weights whose singular values fall."""
    return make_model(
        text,
        {
            name: [falling(shape, number), 0.1 * np.arange(shape[0])]
            for number, (name, shape) in enumerate({**SHAPES, **(more or {})}.items())
        },
    )


def falling(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Weights of which some directions matter more than others."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=shape) / np.prod(shape[1:]) ** 0.5
    for axis, size in enumerate(shape):
        falls = 0.85 ** np.arange(size)
        weights = weights * falls.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return 3 * weights / np.sqrt(np.mean(weights**2) * np.prod(shape[1:]))


def some_inputs(count: int = 40, seed: int = 0) -> Inputs:
    """Inputs that are smooth, with labels, so that they say something of windows."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(count, 3, 12, 10)).cumsum(axis=2).cumsum(axis=3)
    images = (noise / noise.std()).astype(np.float32)
    return Inputs({"data": images}, random.integers(0, 10, count), "smooth noise")
