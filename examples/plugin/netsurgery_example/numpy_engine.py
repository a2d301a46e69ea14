"""An engine in plain numpy, for small nets of a few layer types."""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    Sequence,
)

import numpy as np

from netsurgery.engine import Capability, Engine, Probe, Session, register_engine
from netsurgery.errors import EngineError, NetsurgeryError
from netsurgery.layers import Layer, Shape
from netsurgery.network import Model, infer_shapes, load

Arrays = Sequence[np.ndarray]
Formula = Callable[[Layer, Arrays, Arrays], Arrays]


def inner_product(layer: Layer, bottoms: Arrays, blobs: Arrays) -> Arrays:
    """Rows times the transposed weights, and a bias."""
    parameter: Any = layer.parameter.inner_product_param
    rows = bottoms[0].reshape(*bottoms[0].shape[: parameter.axis], -1)
    made = rows @ (blobs[0] if parameter.transpose else blobs[0].T)
    return [made + blobs[1] if parameter.bias_term else made]


def relu(layer: Layer, bottoms: Arrays, blobs: Arrays) -> Arrays:
    """What is above zero, and the rest times a slope."""
    slope = np.float32(layer.parameter.relu_param.negative_slope)
    return [np.where(bottoms[0] > 0, bottoms[0], slope * bottoms[0])]


def pixel_shuffle(layer: Layer, bottoms: Arrays, blobs: Arrays) -> Arrays:
    """Channels made pixels."""
    factor = int(layer.text.written("pixel_shuffle_param.factor")[0])
    num, channels, height, width = bottoms[0].shape
    parts = bottoms[0].reshape(num, channels // factor**2, factor, factor, height, width)
    made = parts.transpose(0, 1, 4, 2, 5, 3)
    return [made.reshape(num, -1, height * factor, width * factor)]


FORMULAS: Mapping[str, Formula] = {
    "InnerProduct": inner_product,
    "ReLU": relu,
    "PixelShuffle": pixel_shuffle,
}


@register_engine
class NumpyEngine(Engine):
    """Runs small nets layer by layer; asked for only where somebody names it."""

    name = "numpy"
    preference = 9
    capabilities: FrozenSet[Capability] = frozenset(
        {Capability.FORWARD, Capability.READ_PARAMETERS, Capability.SET_PARAMETERS}
    )

    def probe(self) -> Probe:
        """It is here wherever netsurgery is."""
        return Probe(True, version=np.__version__)

    def unsupported(self, types: Iterable[str]) -> List[str]:
        """Return those of ``types`` that it has no formula for."""
        return [name for name in types if name not in ("Input", *FORMULAS)]

    def open(self, prototxt: Any, weights: Any = None, *, phase: str = "TEST") -> NumpySession:
        """Load a model.

        Raises:
            EngineError: A file cannot be read, or the net has a layer of another type.
        """
        try:
            model = load(prototxt, weights)
            lacking = self.unsupported(layer.type for layer in model.network().layers)
            if not lacking:
                return NumpySession(model)
        except NetsurgeryError as error:
            raise EngineError(str(error)) from None
        raise EngineError(f"numpy cannot run a layer of type {lacking[0]}", file=prototxt)


class NumpySession(Session):
    """A model that is open in this process."""

    engine = "numpy"

    def __init__(self, model: Model) -> None:
        """Read the weights, and work out all shapes."""
        self._network = model.network()
        shapes = infer_shapes(self._network, weights=model.weights)
        self._parameters = {
            layer.name: [blob.array() for blob in model.blobs(layer.name)]
            for layer in self._network.layers
            if model.blobs(layer.name)
        }
        self.blobs = {value.blob: shapes[value] or () for value in self._network.values}
        self.inputs = {value.blob: shapes[value] or () for value in self._network.inputs}
        self.outputs = tuple(value.blob for value in self._network.outputs)

    def forward(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        """Run the net."""
        wanted = blobs or self.outputs
        unknown = [name for name in wanted if name not in self.blobs]
        if unknown or set(inputs) != set(self.inputs):
            raise EngineError(
                f"there is no blob {unknown[0]!r}" if unknown else "inputs are missing"
            )
        held = {name: np.asarray(array, np.float32) for name, array in inputs.items()}
        for layer in self._network.layers:
            if layer.type in FORMULAS:
                bottoms = [held[value.blob] for value in layer.bottoms]
                parameters = self._parameters.get(layer.name, ())
                made = FORMULAS[layer.type](layer, bottoms, parameters)
                held.update(zip((value.blob for value in layer.tops), made))
        return {name: held[name].astype(np.float32) for name in wanted}

    def parameters(self) -> Dict[str, List[np.ndarray]]:
        """Return the weights."""
        return {name: list(arrays) for name, arrays in self._parameters.items()}

    @property
    def parameter_shapes(self) -> Mapping[str, List[Shape]]:
        """The shapes of the weights."""
        return {name: [one.shape for one in arrays] for name, arrays in self._parameters.items()}

    def set_parameters(self, parameters: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Overwrite the weights of layers."""
        known = self.parameter_shapes
        for name, arrays in parameters.items():
            if known.get(name) != [np.shape(array) for array in arrays]:
                raise EngineError("has no such weights", layer=name)
        for name, arrays in parameters.items():
            self._parameters[name] = [np.array(array, np.float32) for array in arrays]

    def close(self) -> None:
        """Give up the weights."""
        self._parameters = {}
