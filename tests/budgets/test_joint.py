"""What a plan does to the whole net is measured on values that belong together."""

from __future__ import annotations

import numpy as np
import pytest
from budget_nets import falling
from small_models import make_model

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.network.model import Model
from netsurgery.surgery import apply
from netsurgery.verification import verify

DETECTOR = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 16 kernel_size: 3 pad: 1 stride: 2 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "loc" type: "Convolution" bottom: "conv1" top: "loc"
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "conf" type: "Convolution" bottom: "conv1" top: "conf"
        convolution_param { num_output: 2 kernel_size: 3 pad: 1 } }
layer { name: "prior" type: "PriorBox" bottom: "conv1" bottom: "data" top: "prior"
        prior_box_param { min_size: 4 variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "locp" type: "Permute" bottom: "loc" top: "locp"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "locf" type: "Flatten" bottom: "locp" top: "locf" }
layer { name: "confp" type: "Permute" bottom: "conf" top: "confp"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "confr" type: "Reshape" bottom: "confp" top: "confr"
        reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }
layer { name: "confs" type: "Softmax" bottom: "confr" top: "confs" softmax_param { axis: 2 } }
layer { name: "conff" type: "Flatten" bottom: "confs" top: "conff" }
layer { name: "out" type: "DetectionOutput" bottom: "locf" bottom: "conff" bottom: "prior"
        top: "out"
        detection_output_param { num_classes: 2 share_location: true background_label_id: 0
          keep_top_k: 20
          nms_param { nms_threshold: 0.4 top_k: 40 } code_type: CENTER_SIZE
          confidence_threshold: 0.4 } }
"""
SHAPES = {"conv1": (16, 3, 3, 3), "loc": (4, 16, 3, 3), "conf": (2, 16, 3, 3)}


IMAGE = """\
layer { name: "image" type: "Input" top: "image"
        input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
"""


def detector(text: str = DETECTOR) -> Model:
    blobs = {
        name: [falling(shape, number), np.zeros(shape[0])]
        for number, (name, shape) in enumerate(SHAPES.items())
    }
    return make_model(text, blobs)


def test_an_input_that_only_boxes_are_placed_by_does_no_harm(opencv: str) -> None:
    # What is tried does without the boxes, and so without it.
    text = IMAGE + DETECTOR.replace('bottom: "data" top: "prior"', 'bottom: "image" top: "prior"')
    feed = np.random.default_rng(0).normal(size=(12, 3, 16, 16))
    plans = [
        plan_budget(
            detector(of),
            BudgetRequest(Budget(macs=0.5)),
            Calibrator(Inputs(dict.fromkeys(names, feed)), opencv),
        )
        for of, names in ((DETECTOR, ["data"]), (text, ["data", "image"]))
    ]
    assert plans[0].edits == plans[1].edits


def test_of_detections_what_they_are_made_from_is_measured(opencv: str) -> None:
    model = detector()
    inputs = Inputs({"data": np.random.default_rng(0).normal(size=(12, 3, 16, 16))})
    calibrator = Calibrator(inputs, opencv)
    plan = plan_budget(model, BudgetRequest(Budget(macs=0.5)), calibrator)
    measured = plan.expected.measured
    assert list(measured) == ["locf", "conff"]
    after = apply(model, plan, calibrator)
    for blob, error in measured.items():
        seen = verify(model, after, inputs=inputs, engine=opencv, blobs=[blob])
        assert error == pytest.approx(seen.error, rel=1e-5)  # a plan holds six digits
