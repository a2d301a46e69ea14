"""Small classifiers whose losses can be computed by hand."""

from __future__ import annotations

from typing import Optional

import numpy as np
from calibration_nets import declared, layer
from channel_choices import with_random_weights

from netsurgery.calibration import Inputs
from netsurgery.network.model import Model

CONVOLUTION = "convolution_param { num_output: %d kernel_size: 3 pad: 1 }"
IN_PLACE = 'layer { name: "%s" type: "%s" bottom: "%s" top: "%s" %s }\n'

# What happens in place overwrites what the next layer's gradient would have to be taken at.
OVERWRITING = (
    declared("data", 2, 2, 6, 6)
    + layer("Convolution", "data", "conv1", CONVOLUTION % 5)
    + IN_PLACE % ("norm1", "BatchNorm", "conv1", "conv1", "")
    + IN_PLACE % ("scale1", "Scale", "conv1", "conv1", "scale_param { bias_term: true }")
    + IN_PLACE % ("prelu1", "PReLU", "conv1", "conv1", "")
    + layer("Convolution", "conv1", "conv2", CONVOLUTION % 4)
    + IN_PLACE % ("leaky2", "ReLU", "conv2", "conv2", "relu_param { negative_slope: 0.3 }")
    + layer("Pooling", "conv2", "pool2", "pooling_param { pool: AVE kernel_size: 2 stride: 2 }")
    + layer("Flatten", "pool2", "flat")
    + layer("InnerProduct", "flat", "fc3", "inner_product_param { num_output: 7 }")
    + IN_PLACE % ("elu3", "ELU", "fc3", "fc3", "")
    + layer("InnerProduct", "fc3", "fc4", "inner_product_param { num_output: 3 }")
    + IN_PLACE % ("prob", "Softmax", "fc4", "fc4", "")
)

# Two branches that must keep the same channels, two readers of one value, a concatenation.
BRANCHING = (
    declared("data", 2, 2, 6, 6)
    + layer("Convolution", "data", "left", CONVOLUTION % 4)
    + layer("Convolution", "data", "right", CONVOLUTION % 4)
    + layer("Eltwise", "left right", "sum")
    + IN_PLACE % ("relu", "ReLU", "sum", "sum", "")
    + layer("Convolution", "sum", "a", CONVOLUTION % 3)
    + layer("Convolution", "sum", "b", CONVOLUTION % 2)
    + layer("Concat", "a b", "both")
    + layer("InnerProduct", "both", "scores", "inner_product_param { num_output: 3 }")
    + layer("Softmax", "scores", "prob")
)

POINTWISE = "convolution_param { num_output: 4 kernel_size: 1 }"
# A stream that one layer reads before something is added to it, and another afterwards.
RESIDUAL = (
    declared("data", 2, 2, 6, 6)
    + layer("Convolution", "data", "stem", POINTWISE)
    + layer("Convolution", "stem", "one", POINTWISE)
    + layer("Eltwise", "stem one", "sum")
    + IN_PLACE % ("relu", "ReLU", "sum", "sum", "")
    + layer("Convolution", "sum", "two", CONVOLUTION % 3)
    + layer("InnerProduct", "two", "scores", "inner_product_param { num_output: 3 }")
)

# The loss is the sum of the outputs.
LINEAR = (
    declared("data", 1, 5)
    + layer("InnerProduct", "data", "fc1", "inner_product_param { num_output: 6 }")
    + IN_PLACE % ("relu1", "ReLU", "fc1", "fc1", "")
    + layer("InnerProduct", "fc1", "cost", "inner_product_param { num_output: 1 } loss_weight: 2")
)


def samples(text: str, count: int, classes: Optional[int] = 3, seed: int = 5) -> Inputs:
    """Random samples for a net with one input, with labels if there are classes."""
    random = np.random.default_rng(seed)
    model = with_random_weights(text)
    (value,) = model.network().inputs
    shape = {"data": (5,) if text == LINEAR else (2, 6, 6)}[value.blob]
    labels = None if classes is None else random.integers(0, classes, count)
    return Inputs({value.blob: random.normal(size=(count, *shape)).astype(np.float32)}, labels)


def with_blobs(model: Model, layer_name: str, arrays: list) -> Model:
    """The model with other numbers in one layer."""
    from netsurgery.formats.weights import Blob, LayerWeights

    assert model.weights is not None
    blobs = tuple(Blob.of(np.asarray(array, np.float32)) for array in arrays)
    changed = (LayerWeights(layer_name, None, blobs),)
    return Model(model.prototxt, model.weights.replace({layer_name: changed}))


def losses_by_hand(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The softmax loss of each sample."""
    scores = scores.reshape(len(scores), -1).astype(np.float64)
    scores = scores - scores.max(axis=1, keepdims=True)
    rows = np.arange(len(scores))
    return np.log(np.exp(scores).sum(axis=1)) - scores[rows, labels]
