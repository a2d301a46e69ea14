"""What the doctor says of layers and fields that stock Caffe has in other words."""

from __future__ import annotations

import numpy as np
import pytest
from fork_pairs import fork_pair
from small_models import make_model

from netsurgery.engine.opencv_limits import why_not
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.doctor.examination import examine
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import operate

INPUT = 'input: "x" input_shape { dim: [1, 4, 9, 9] }\n'
FORKS = {
    ("Convolution", "convolution_param { num_output: 4 kernel_size: 3 hole: 2 }"): "dilation: 2",
    ("Convolution", "convolution_param { num_output: 4 kernel_size: 3 hole: 1 }"): "1 is no dil",
    (
        "Deconvolution",
        "convolution_param { num_output: 4 kernel_size: 3 hole_h: 2 hole_w: 3 }",
    ): "dilation: 2 dilation: 3",
    ("DepthwiseConvolution", "convolution_param { num_output: 4 group: 4 kernel_size: 3 }"): (
        "write type: 'Convolution'"
    ),
    ("ConvolutionDepthwise", "convolution_param { num_output: 4 kernel_size: 3 }"): (
        "it needs group: as many as channels"
    ),
    (
        "ConvolutionDepthwise",
        "convolution_param { num_output: 4 kernel_size: 3 hole: 2 }",
    ): "write dilation: 2",
    ("BatchNorm", "batch_norm_param { scale_bias: true }"): "a BatchNorm and a Scale",
    ("BatchNorm", "batch_norm_param { scale_bias: false }"): "remove it: stock",
    ("BN", "bn_param { bn_mode: INFERENCE }"): "make it a Scale",
    ("BN", "bn_param { eps: 0.1 }"): "make it a BatchNorm and a Scale",
    ("BN", "bn_param { bn_mode: LEARN }"): "use a fork that has it",
}


@pytest.mark.parametrize("case", sorted(FORKS))
def test_the_remedy_is_what_stock_caffe_calls_it(case) -> None:
    kind, fields = case
    text = f'{INPUT}layer {{ name: "it" type: "{kind}" bottom: "x" top: "y" {fields} }}'
    findings = examine(Model(Prototxt.parse(text.encode())))
    remedies = [one.remedy for one in findings if one.severity == "error"]
    assert any(FORKS[case] in str(remedy) for remedy in remedies), findings


def test_surgery_notes_what_is_a_forks() -> None:
    fork, stock = fork_pair(0)
    said = "\n".join(operate(fork, Plan(())).notes)
    assert "type DepthwiseConvolution, which is Convolution" in said
    assert operate(stock, Plan(())).notes == ()


def test_opencv_is_not_given_holes_as_they_are() -> None:
    for kind in ("Convolution", "Deconvolution"):
        fields = "convolution_param { num_output: 4 kernel_size: 3 hole: 2 }"
        text = f'{INPUT}layer {{ name: "it" type: "{kind}" bottom: "x" top: "y" {fields} }}'
        (layer,) = make_model(text, {"it": [np.ones(1)]}).network().layers
        assert why_not(layer, [(1, 4, 9, 9)])


def test_opencv_is_not_asked_to_dilate_thin_kernels() -> None:
    """It reads other pixels than Caffe where pad and stride are 1, without a word."""
    for fields, refused in (("group: 4 dilation: 2", True), ("group: 4", False), ("", False)):
        text = (
            f'{INPUT}layer {{ name: "it" type: "Convolution" bottom: "x" top: "y" '
            f"convolution_param {{ num_output: 4 kernel_size: 3 pad: 1 {fields} }} }}"
        )
        (layer,) = make_model(text, {"it": [np.ones(1)]}).network().layers
        assert bool(why_not(layer, [(1, 4, 9, 9)])) == refused
