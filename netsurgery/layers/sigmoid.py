"""The logistic function of every number."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class SigmoidLayer(NeuronLayer):
    """1 / (1 + exp(-x))."""

    name = "Sigmoid"
    is_stock = True
    message = "sigmoid_param"
    chooses_engine = True
    squashes = True
    makes_probabilities = True
    opencv_names = ("Sigmoid",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """1 / (1 + exp(-x)), as Caffe computes it."""
        return sigmoid(x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the logistic function by Caffe's formula.

    Args:
        x: float32.
    """
    return np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)
