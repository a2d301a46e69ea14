"""Constants through layers that compute every number by itself, in Caffe's formulas."""

from __future__ import annotations

from typing import Any, Callable, Dict, Sequence

import numpy as np

from netsurgery.layers import ConstantNode
from netsurgery.network.constants.base import rule

Formula = Callable[[np.ndarray, Any], np.ndarray]


def _relu(x: np.ndarray, layer: Any) -> np.ndarray:
    slope = np.float32(layer.relu_param.negative_slope)
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


def _elu(x: np.ndarray, layer: Any) -> np.ndarray:
    return np.where(x > 0, x, np.float32(layer.elu_param.alpha) * np.expm1(np.minimum(x, 0)))


def _sigmoid(x: np.ndarray, layer: Any) -> np.ndarray:
    return np.float32(0.5) * np.tanh(np.float32(0.5) * x) + np.float32(0.5)


def _swish(x: np.ndarray, layer: Any) -> np.ndarray:
    return x * _sigmoid(np.float32(layer.swish_param.beta) * x, layer)


def _power(x: np.ndarray, layer: Any) -> np.ndarray:
    param = layer.power_param
    return (np.float32(param.shift) + np.float32(param.scale) * x) ** np.float32(param.power)


def _exp(x: np.ndarray, layer: Any) -> np.ndarray:
    param = layer.exp_param
    exponent = np.float32(param.shift) + np.float32(param.scale) * x
    return np.exp(exponent) if param.base == -1 else np.float32(param.base) ** exponent


def _log(x: np.ndarray, layer: Any) -> np.ndarray:
    param = layer.log_param
    found = np.log(np.float32(param.shift) + np.float32(param.scale) * x)
    return found if param.base == -1 else found / np.log(np.float32(param.base))


def _threshold(x: np.ndarray, layer: Any) -> np.ndarray:
    return (x > np.float32(layer.threshold_param.threshold)).astype(np.float32)


def _clip(x: np.ndarray, layer: Any) -> np.ndarray:
    return np.clip(x, np.float32(layer.clip_param.min), np.float32(layer.clip_param.max))


_FORMULAS: Dict[str, Formula] = {
    "AbsVal": lambda x, layer: np.abs(x),
    "BNLL": lambda x, layer: np.logaddexp(x, np.float32(0)),
    "Clip": _clip,
    "Dropout": lambda x, layer: x,
    "ELU": _elu,
    "Exp": _exp,
    "Log": _log,
    "Power": _power,
    "ReLU": _relu,
    "Sigmoid": _sigmoid,
    "Split": lambda x, layer: x,
    "Swish": _swish,
    "TanH": lambda x, layer: np.tanh(x),
    "Threshold": _threshold,
}


@rule(*_FORMULAS)
def neuron(node: ConstantNode) -> Sequence[np.ndarray]:
    """The formula of what is constant."""
    x = node.bottoms[0]
    made = _FORMULAS[node.layer.type](x, node.parameter)
    return [np.where(np.isnan(x), np.nan, made)] * len(node.tops)


@rule("PReLU")
def prelu(node: ConstantNode) -> Sequence[np.ndarray]:
    """What is below 0 times its channel's slope."""
    if not node.blobs:
        return node.unknown()
    x, slope = node.bottoms[0], node.placed(node.blobs[0].reshape(-1), 1)
    return [np.maximum(x, 0) + slope * np.minimum(x, 0)]


@rule("LRN")
def lrn(node: ConstantNode) -> Sequence[np.ndarray]:
    """0 stays 0, whatever it is divided by."""
    return [np.where(node.bottoms[0] == 0, 0, np.nan)]
