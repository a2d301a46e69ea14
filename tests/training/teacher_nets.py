"""Nets that teach: classifiers of several kinds, and detectors."""

from __future__ import annotations

import numpy as np
from calibration_nets import declared, layer
from small_models import make_model

from netsurgery.network.model import Model

DENSE = "inner_product_param {{ num_output: {} }}"


def dense(bottom: str, top: str, count: int) -> str:
    return layer("InnerProduct", bottom, top, DENSE.format(count))


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


def classifier(text: str = "", classes: int = 4, seed: int = 0) -> Model:
    """A hidden layer, scores ``fc``, and what follows."""
    net = declared("data", 2, 1, 3, 3) + dense("data", "hidden", 5)
    net += 'layer { name: "relu" type: "ReLU" bottom: "hidden" top: "hidden" }\n'
    net += dense("hidden", "fc", classes) + text
    blobs = {
        "hidden": [numbers(5, 9, seed=seed), numbers(5, seed=seed + 1)],
        "fc": [numbers(classes, 5, seed=seed + 2), numbers(classes, seed=seed + 3)],
    }
    return make_model(net, blobs)


def detector() -> Model:
    """Three boxes of two classes: ``scores`` of a Softmax, ``boxes``, and landmarks."""
    net = declared("data", 2, 1, 3, 3)
    parts = {"logits": 2, "boxes": 4, "marks": 10}
    blobs = {}
    for number, (name, count) in enumerate(parts.items()):
        net += dense("data", f"{name}_flat", 3 * count)
        shape = f"reshape_param {{ shape {{ dim: 0 dim: 3 dim: {count} }} }}"
        net += layer("Reshape", f"{name}_flat", name, shape)
        blobs[f"{name}_flat"] = [numbers(3 * count, 9, seed=number), numbers(3 * count)]
    net += layer("Softmax", "logits", "scores", "softmax_param { axis: 2 }")
    return make_model(net, blobs)


SSD = (
    declared("data", 1, 3, 8, 8)
    + layer("Convolution", "data", "conv", "convolution_param { num_output: 14 kernel_size: 8 }")
    + 'layer { name: "cut" type: "Slice" bottom: "conv" top: "conf" top: "loc"'
    " slice_param { slice_point: 6 } }\n"
    + layer("Flatten", "loc", "mbox_loc")
    + layer("Reshape", "conf", "conf_rows", "reshape_param { shape { dim: 0 dim: 2 dim: 3 } }")
    + layer("Softmax", "conf_rows", "conf_soft", "softmax_param { axis: 2 }")
    + layer("Flatten", "conf_soft", "conf_flat")
    + layer("PriorBox", "conv data", "priors", "prior_box_param { min_size: 4 max_size: 6 }")
    + layer(
        "DetectionOutput",
        "mbox_loc conf_flat priors",
        "found",
        "detection_output_param { num_classes: 3 background_label_id: 0 confidence_threshold: 0.2"
        " nms_param { nms_threshold: 0.5 } }",
    )
)


def ssd() -> Model:
    """Two priors of three classes, chosen from by a DetectionOutput."""
    return make_model(SSD, {"conv": [numbers(14, 3, 8, 8), numbers(14)]})
