"""Small networks with weights, made in memory."""

from __future__ import annotations

import numpy as np

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.network.model import Model


def make_model(text: str, blobs: dict[str, list[np.ndarray]], version: str = "V2") -> Model:
    """A model of that prototxt, whose layers hold those arrays."""
    layers = [
        LayerWeights(name, None, tuple(Blob.of(np.asarray(array, np.float32)) for array in arrays))
        for name, arrays in blobs.items()
    ]
    return Model(Prototxt.parse(text.encode()), Weights.of(layers, version=version))


def decaying(rows: int, columns: int, seed: int = 0, decay: float = 0.9) -> np.ndarray:
    """A matrix whose singular values are 1, decay, decay^2, ..."""
    random = np.random.default_rng(seed)
    left = np.linalg.qr(random.normal(size=(rows, min(rows, columns))))[0]
    right = np.linalg.qr(random.normal(size=(columns, min(rows, columns))))[0]
    values = decay ** np.arange(min(rows, columns))
    return (left * values @ right.T).astype(np.float32)


TWO_LAYERS = """\
name: "two layers"
# the input
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer {
  name: "fc6"
  type: "InnerProduct"
  bottom: "data"
  top: "fc6"
  param { lr_mult: 1 decay_mult: 1 }  # weights
  param { lr_mult: 2 decay_mult: 0 }
  inner_product_param {
    num_output: 32
    weight_filler { type: "gaussian" std: 0.005 }  # small
    bias_filler { type: "constant" value: 1 }
  }
}
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7"
        inner_product_param { num_output: 5 } }
"""


def two_layers(seed: int = 1) -> Model:
    """Input 3x4x4, fc6 with 32 outputs, ReLU, fc7 with 5."""
    random = np.random.default_rng(seed)
    return make_model(
        TWO_LAYERS,
        {
            "fc6": [decaying(32, 48, 2), random.normal(size=32)],
            "fc7": [decaying(5, 32, 3), random.normal(size=5)],
        },
    )
