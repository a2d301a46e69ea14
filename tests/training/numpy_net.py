"""A few of Caffe's layers in NumPy, forward and backward: enough for nets that tests train."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

import numpy as np

from netsurgery.formats import Prototxt, Weights
from netsurgery.network import Layer, Model, Value

Arrays = Dict[Value, np.ndarray]


class NumpyNet:
    """A net of InnerProduct, ReLU, Dropout, Softmax and losses, in float64 inside a layer.

    Attributes:
        layers: Its layers in order.
        params: The blobs of each, float32, to be changed in place.
        diffs: Their gradients, of the last `backward`.
    """

    def __init__(self, prototxt: Prototxt, weights: Weights, phase: str) -> None:
        self.network = Model(prototxt).network(phase)
        self.layers = self.network.layers
        self.params: Dict[str, List[np.ndarray]] = {
            layer.name: [blob.array().copy() for blob in weights.blobs(layer.name)]
            for layer in self.layers
            if weights.blobs(layer.name)
        }
        self.diffs = {
            name: [np.zeros_like(b) for b in blobs] for name, blobs in self.params.items()
        }
        self._training = phase == "TRAIN"
        self.values: Arrays = {}
        self._kept: Dict[str, Any] = {}

    def forward(self, inputs: Mapping[str, np.ndarray], seed: int = 0) -> Dict[str, np.ndarray]:
        """Run; returns every blob by name."""
        random = np.random.RandomState(seed % 2**32)
        self.values = {Value(name): np.asarray(array) for name, array in inputs.items()}
        for layer in self.layers:
            if layer.type == "Input":
                continue
            read = [self.values[value] for value in layer.bottoms]
            self.values[layer.tops[0]] = self._run(layer, read, random)
        return {value.blob: array for value, array in self.values.items()}

    def backward(self, losses: Mapping[str, float]) -> None:
        """Work out the gradient of the weighted sum of some losses; it is added to `diffs`."""
        slopes: Arrays = {Value(name): np.float64(w) for name, w in losses.items()}
        for layer in reversed(self.layers):
            top = slopes.get(layer.tops[0])
            if top is None or layer.type in ("Input", "Accuracy"):
                continue
            read = [self.values[value] for value in layer.bottoms]
            for value, slope in zip(layer.bottoms, self._slopes(layer, read, top)):
                if slope is not None:
                    slopes[value] = slopes.get(value, 0.0) + slope

    def _run(self, layer: Layer, read: List[np.ndarray], random: Any) -> np.ndarray:
        x = read[0].astype(np.float64)
        if layer.type == "InnerProduct":
            weight, *bias = (blob.astype(np.float64) for blob in self.params[layer.name])
            made = x.reshape(len(x), -1) @ weight.T + (bias[0] if bias else 0.0)
        elif layer.type == "ReLU":
            made = np.maximum(x, 0)
        elif layer.type == "Dropout":
            ratio = layer.parameter.dropout_param.dropout_ratio
            keep = (random.uniform(size=x.shape) >= ratio) / (1 - ratio)
            self._kept[layer.name] = keep if self._training else np.ones_like(x)
            made = x * self._kept[layer.name]
        elif layer.type == "Power":
            made = x * layer.parameter.power_param.scale
        elif layer.type == "Softmax":
            made = softmax(x)
        elif layer.type == "SoftmaxWithLoss":
            rows = np.arange(len(x)), read[1].reshape(-1).astype(int)
            made = np.float64(-np.log(softmax(x)[rows]).mean())
        elif layer.type == "Accuracy":
            made = np.float64((x.argmax(axis=1) == read[1].reshape(-1)).mean())
        elif layer.type == "Eltwise":
            made = _eltwise(layer, read)
        elif layer.type == "Reduction":
            squares = layer.parameter.reduction_param.operation == 3
            made = np.float64((x * x if squares else x).sum())
        else:
            raise NotImplementedError(layer.type)
        return np.float32(made)

    def _slopes(self, layer: Layer, read: List[np.ndarray], top: Any) -> List[Any]:
        x = read[0].astype(np.float64)
        if layer.type == "InnerProduct":
            blobs, diffs = self.params[layer.name], self.diffs[layer.name]
            diffs[0] += np.float32(top.T @ x.reshape(len(x), -1))
            if len(diffs) > 1:
                diffs[1] += np.float32(top.sum(axis=0))
            return [(top @ blobs[0].astype(np.float64)).reshape(x.shape)]
        if layer.type == "ReLU":
            return [top * (x > 0)]
        if layer.type == "Dropout":
            return [top * self._kept[layer.name]]
        if layer.type == "Power":
            return [top * layer.parameter.power_param.scale]
        if layer.type == "SoftmaxWithLoss":
            slope = softmax(x)
            slope[np.arange(len(x)), read[1].reshape(-1).astype(int)] -= 1
            return [top * slope / len(x), None]
        if layer.type == "Eltwise":
            if layer.parameter.eltwise_param.operation == 0:
                return [top * read[1], None]
            return [top * factor for factor in _coefficients(layer, read)]
        if layer.type == "Reduction":
            squares = layer.parameter.reduction_param.operation == 3
            return [top * (2 * x if squares else np.ones_like(x))]
        raise NotImplementedError(layer.type)


def softmax(x: np.ndarray) -> np.ndarray:
    """Of rows."""
    shifted = np.exp(x - x.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _coefficients(layer: Layer, read: List[np.ndarray]) -> List[float]:
    return list(layer.parameter.eltwise_param.coeff) or [1.0] * len(read)


def _eltwise(layer: Layer, read: List[np.ndarray]) -> np.ndarray:
    if layer.parameter.eltwise_param.operation == 0:
        return read[0].astype(np.float64) * read[1]
    return sum(c * array.astype(np.float64) for c, array in zip(_coefficients(layer, read), read))
