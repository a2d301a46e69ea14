"""Layers of other phases: told by every command that writes a pair, and left out on demand."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsurgery.formats.prototxt.document import Prototxt

TRAINING = """\
layer { name: "read" type: "MemoryData" top: "target" top: "label" include { phase: TRAIN }
        memory_data_param { batch_size: 1 channels: 5 height: 1 width: 1 } }
"""
LOSS = """\
layer { name: "loss" type: "EuclideanLoss" bottom: "fc7" bottom: "target" top: "loss"  # of training
        exclude { phase: TEST } }
"""


@pytest.fixture
def trained(pair) -> tuple[Path, Path]:
    """The small net as it was trained: beside its input stand a data layer and a loss."""
    prototxt, weights = pair
    text = prototxt.read_text()
    start = text.index("layer {")
    prototxt.write_text(text[:start] + TRAINING + text[start:].rstrip("\n") + "\n" + LOSS)
    return prototxt, weights


def commands(trained, tmp_path) -> dict:
    plan = tmp_path / "plan.yaml"
    plan.write_text("edits:\n- {layer: fc6, method: svd, rank: 4}\n")
    return {
        "upgrade": ["upgrade", *trained],
        "compress": ["compress", *trained, "--rank", "fc6=4", "--engine", "opencv"],
        "thin": ["thin", *trained, "--keep", "0.5", "--engine", "opencv"],
        "apply": ["apply", plan, *trained],
    }


@pytest.mark.parametrize("name", ["upgrade", "compress", "thin", "apply"])
def test_they_are_left_out_on_demand(netsurgery, opencv, trained, tmp_path, name) -> None:
    words = commands(trained, tmp_path)[name]
    told = netsurgery(*words, "-o", tmp_path / "whole")
    assert told.status == 0, told.err
    assert "read (MemoryData), loss (EuclideanLoss)" in told.err
    assert "--deploy" in told.err
    done = netsurgery(*words, "--deploy", "-o", tmp_path / "deployed")
    assert done.status == 0, done.err
    assert "left out" in done.err
    whole, deployed = (
        (tmp_path / out / "deploy.prototxt").read_text() for out in ("whole", "deployed")
    )
    assert TRAINING in whole
    assert LOSS in whole
    assert deployed == whole.replace(TRAINING, "").replace(LOSS, "")
    assert Prototxt.parse(deployed.encode()).layers
    weights = [(tmp_path / out / "net.caffemodel").read_bytes() for out in ("whole", "deployed")]
    assert weights[0] == weights[1]


def test_the_doctor_says_who_minds(netsurgery, trained) -> None:
    found = netsurgery("doctor", *trained)
    assert "read (MemoryData)" in found.out
    assert "OpenCV reads them as part of the net" in found.out
    assert "upgrade" in found.out


def test_a_net_without_any_is_not_spoken_of(netsurgery, pair, tmp_path) -> None:
    done = netsurgery("upgrade", *pair, "--deploy", "-o", tmp_path / "out")
    assert done.status == 0
    assert "left out" not in done.err
    assert (tmp_path / "out" / "deploy.prototxt").read_bytes() == pair[0].read_bytes()
