"""Nets that Caffe would refuse get a line from every command, whatever is broken in them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from small_models import make_model

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1" convolution_param { num_output: 6 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "c1" top: "c1" batch_norm_param { use_global_stats: true } }
layer { name: "sc" type: "Scale" bottom: "c1" top: "c1" scale_param { bias_term: true } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "p1" type: "Pooling" bottom: "c1" top: "p1" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "sl" type: "Slice" bottom: "p1" top: "s1" top: "s2" slice_param { axis: 1 slice_point: 3 } }
layer { name: "el" type: "Eltwise" bottom: "s1" bottom: "s2" top: "el" }
layer { name: "cc" type: "Concat" bottom: "el" bottom: "p1" top: "cc" }
layer { name: "de" type: "Deconvolution" bottom: "cc" top: "de" convolution_param { num_output: 4 kernel_size: 2 stride: 2 } }
layer { name: "rs" type: "Reshape" bottom: "de" top: "rs" reshape_param { shape { dim: 0 dim: -1 } } }
layer { name: "ip" type: "InnerProduct" bottom: "rs" top: "ip" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""  # noqa: E501
LINES = NET.strip().split("\n")
NUMBERS = ["-1", "0", "2147483647", "4294967295", "99999999999999999999", "nan"]


def without(kind: str) -> list[str]:
    """The net without the first bottom, or top, of each of its layers in turn."""
    found = []
    for number, line in enumerate(LINES):
        cut = re.sub(rf'{kind}: "\w+" ?', "", line, count=1)
        if cut != line:
            found.append("\n".join([*LINES[:number], cut, *LINES[number + 1 :]]))
    return found


def with_number(number: str) -> list[str]:
    """The net with that number in the place of each of its own in turn."""
    return [
        NET[: place.start()] + number + NET[place.end() :]
        for place in re.finditer(r"(?<=: )-?\d+", NET)
    ]


BROKEN = {
    "bottom": without("bottom"),
    "top": without("top"),
    **{number: with_number(number) for number in NUMBERS},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_every_command_answers_in_a_line_or_works(netsurgery, pair, tmp_path, kind: str) -> None:
    out = ["--no-verify", "-o", tmp_path / "out"]
    commands = [
        ["doctor", *pair],
        ["inspect", pair[0]],
        ["channels", pair[0]],
        ["plan", *pair, "--energy", "0.9"],
        ["compress", *pair, "--fold-batchnorm", *out],
        ["thin", *pair, "--keep", "0.5", *out],
    ]
    for text in BROKEN[kind]:
        pair[0].write_text(text)
        for command in commands:
            done = netsurgery(*command)
            assert done.status in ((0, 1, 2) if command[0] == "doctor" else (0, 2)), text
            assert "internal error" not in done.err, f"{command[0]}: {text}\n{done.err}"
            assert "not enough memory" not in done.err, f"{command[0]}: {text}"
            if done.status == 2:
                assert len(done.err.splitlines()) == 1


SMALL = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 12 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" inner_product_param { num_output: 9 } }
layer { name: "p" type: "Softmax" bottom: "a" top: "p" }
"""
REFUSED = {
    "no bottom": SMALL.replace('bottom: "a"', ""),
    "no top": SMALL.replace('top: "p"', ""),
    "no such axis": SMALL.replace('top: "p"', 'top: "p" softmax_param { axis: 7 }'),
    "input below zero": SMALL.replace("dim: 12", "dim: -12"),
}


@pytest.mark.parametrize("broken", REFUSED)
def test_rules_make_no_plan_of_a_net_that_caffe_would_refuse(
    netsurgery, tmp_path, broken: str
) -> None:
    weights = np.random.default_rng(0).normal(size=(9, 12)), np.zeros(9)
    pair = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    make_model(SMALL, {"a": weights}).save(*pair)
    assert netsurgery("plan", *pair, "--rank", "a=2").status == 0
    pair[0].write_text(REFUSED[broken])
    for command in (["plan", *pair, "--rank", "a=2"], ["verify", *pair, *pair]):
        done = netsurgery(*command)
        assert done.status == 2
        assert "internal error" not in done.err
        assert len(done.err.splitlines()) == 1


IMAGES = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 4 kernel_size: 5 } }
"""


@pytest.mark.parametrize("command", ["compress", "thin", "verify", "rank"])
@pytest.mark.parametrize("shape", [(2, 6, 6), (4, 6, 6), (3, 4, 6)])
def test_inputs_that_no_layer_takes_are_refused_first(
    netsurgery, tmp_path, command: str, shape: tuple
) -> None:
    weights = np.random.default_rng(0).normal(size=(4, 3, 5, 5)), np.zeros(4)
    pair = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    make_model(IMAGES, {"c": weights}).save(*pair)
    np.save(tmp_path / "in.npy", np.zeros((8, *shape), np.float32))
    out = tmp_path / "out"
    more = {
        "compress": ["--rank", "c=2", "-o", out],
        "thin": ["--keep", "c=2", "-o", out],
        "verify": pair,
        "rank": ["--criteria", "activation"],
    }
    done = netsurgery(command, *pair, *more[command], "--inputs", tmp_path / "in.npy")
    assert done.status == 2
    assert "layer 'c'" in done.err
    assert not out.exists()
