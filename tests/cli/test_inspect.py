from __future__ import annotations

import json
from pathlib import Path
from typing import Callable, Dict, Tuple

import numpy as np
import pytest

from netsurgery.engine import engine as engine_named
from netsurgery.errors import EngineError
from netsurgery.formats.weights import Blob, LayerWeights, Weights, open_weights
from netsurgery.jobs.inspection import sketch


def test_every_layer_has_its_row(netsurgery, pair) -> None:
    done = netsurgery("inspect", *pair)
    assert done.status == 0
    for name in ("data", "fc6", "relu6", "fc7"):
        assert any(line.split()[:1] == [name] for line in done.out.splitlines())
    assert "rank 19" in done.out
    assert "█" in done.out
    assert "1,733 parameters" in done.out


def test_the_prototxt_alone_will_do(netsurgery, pair) -> None:
    done = netsurgery("inspect", pair[0])
    assert done.status == 0
    assert "breaks even" not in done.out


def test_json_holds_the_numbers(netsurgery, pair) -> None:
    printed = json.loads(netsurgery("inspect", *pair, "--json").out)
    layers = {layer["name"]: layer for layer in printed["layers"]}
    assert layers["fc6"]["params"] == 32 * 48 + 32
    assert layers["fc6"]["macs"] == 2 * 32 * 48
    assert layers["fc6"]["tops"] == {"fc6": [2, 32]}
    assert layers["relu6"]["tops"] == {"fc6@1": [2, 32]}
    facts = layers["fc6"]["low_rank"]
    assert (facts["rows"], facts["columns"], facts["breakeven"]) == (32, 48, 19)
    # The singular values are 0.9^i: the energy of the first k is 1 - 0.81^k over 1 - 0.81^32.
    energy = (1 - 0.81**19) / (1 - 0.81**32)
    assert facts["energies"]["19"] == pytest.approx(energy, abs=1e-5)
    assert printed["totals"]["params"] == 1733


def test_another_input_shape_can_be_tried(netsurgery, pair) -> None:
    printed = json.loads(netsurgery("inspect", *pair, "--json", "--input", "data=5,3,4,4").out)
    assert printed["layers"][1]["macs"] == 5 * 32 * 48
    done = netsurgery("inspect", pair[0], "--input", "data=5,4,4,4", "--json")
    assert json.loads(done.out)["layers"][1]["blobs"][0] == [32, 64]
    done = netsurgery("inspect", *pair, "--input", "data=5,4,4,4", "--json")
    assert done.status == 2
    assert "'fc6': does not fit an input of data=5,4,4,4: blob 0 (weights) is 32x64" in done.err
    for wrong in ("data", "data=", "data=1,x", "=1,2", "data=0,3,4,4"):
        done = netsurgery("inspect", *pair, "--input", wrong)
        assert done.status == 2
        assert "not of the form" in done.err
    done = netsurgery("inspect", *pair, "--input", "dato=1,2")
    assert done.status == 2
    assert "not an input" in done.err


FAST_RCNN = """
input: "data" input_shape { dim: 1 dim: 3 dim: 64 dim: 64 }
input: "rois" input_shape { dim: 1 dim: 5 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "pool" type: "ROIPooling" bottom: "conv" bottom: "rois" top: "pool"
        roi_pooling_param { pooled_w: 2 pooled_h: 2 spatial_scale: 1 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc"
        inner_product_param { num_output: 10 } }
"""


def test_the_cost_of_a_detector_depends_on_its_regions(netsurgery, tmp_path: Path) -> None:
    prototxt = tmp_path / "test.prototxt"
    prototxt.write_text(FAST_RCNN)
    done = netsurgery("inspect", prototxt, "--rois", "300")
    fixed, each = 64 * 64 * 8 * 27, 8 * 4 * 10
    assert f"MACs at n regions: {fixed:,} + n * {each:,}" in done.out
    assert f"{fixed + 300 * each:,} MACs" in done.out


def test_a_sketch_is_as_high_as_the_values() -> None:
    assert sketch(np.array([1.0, 0.6, 0.0])) == "█▅▁"
    assert sketch(np.zeros(2)) == ""
    assert len(sketch(np.arange(100, 0, -1))) == 12


def _spoil(weights: Path, change: Callable[[list], list]) -> None:
    opened = open_weights(weights)
    layers = {layer.name: [blob.array() for blob in layer.blobs] for layer in opened.layers}
    changed = {name: change(blobs) if name == "fc6" else blobs for name, blobs in layers.items()}
    made = [
        LayerWeights(name, "InnerProduct", tuple(map(Blob.of, blobs)))
        for name, blobs in changed.items()
        if blobs
    ]
    Weights.of(made).write(weights)


MISFITS: Dict[str, Tuple[Callable[[list], list], str]] = {
    "outputs": (lambda blobs: [blobs[0][:24], blobs[1][:24]], "is 32x48, but 24x48"),
    "inputs": (lambda blobs: [blobs[0][:, :40], blobs[1]], "is 32x48, but 32x40"),
    "bias": (lambda blobs: [blobs[0], blobs[1][:8]], "is 32, but 8"),
    "too few": (lambda blobs: blobs[:1], "has 2 blobs, but 1"),
    "too many": (lambda blobs: [*blobs, blobs[1]], "has 2 blobs, but 3"),
    "missing": (lambda blobs: [], "is not in the weights"),
    "axes": (lambda blobs: [blobs[0][None], blobs[1]], "is 32x48, but 1x32x48"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_pair_that_does_not_fit_is_told(netsurgery, caffe, pair, misfit: str) -> None:
    change, said = MISFITS[misfit]
    _spoil(pair[1], change)
    for more in ((), ("--json",), ("--no-spectra",)):
        done = netsurgery("inspect", *pair, *more)
        assert done.status == 1
        assert said in done.err
        assert "'fc6'" in done.err
    printed = json.loads(netsurgery("inspect", *pair, "--json").out)
    assert printed["fits"] is False
    assert {found["layer"] for found in printed["misfits"]} == {"fc6"}
    refused = (
        ("plan", *pair, "--rank", "fc7=2"),
        ("plan", *pair, "--macs", "0.5"),
        ("thin", *pair, "--keep", "0.5", "-o", pair[0].parent / "out"),
        ("rank", *pair),
        ("channels", pair[0], "--weights", pair[1]),
    )
    for command in refused:
        done = netsurgery(*command)
        assert done.status == 2
        assert said in done.err
    if misfit != "missing":  # which real Caffe fills by itself, with a word in its log
        with pytest.raises(EngineError):
            engine_named(caffe).open(*pair)


def test_a_pair_that_fits_is_told_as_such(netsurgery, pair) -> None:
    done = netsurgery("inspect", *pair, "--json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["fits"] is True
    assert netsurgery("inspect", pair[0]).status == 0
