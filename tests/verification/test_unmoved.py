"""Channels that no input moves are counted and told: nothing that was run speaks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import make_model

from netsurgery.calibration import Inputs
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.methods.exchange import Edit
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.report.compression import verdict
from netsurgery.report.verification import unmoved_lines
from netsurgery.verification import save_golden, verify, verify_golden
from netsurgery.verification.unmoved import Unmoved, UnmovedTally, fed_values

TEXT = (
    declared("data", 1, 2, 4, 4)
    + layer("Convolution", "data", "conv", "convolution_param { num_output: 6 kernel_size: 3 }")
    + layer("ReLU", "conv", "relu1")
    + layer("InnerProduct", "relu1", "fc", "inner_product_param { num_output: 8 }")
    + layer("ReLU", "fc", "relu2")
    + layer("InnerProduct", "relu2", "last", "inner_product_param { num_output: 3 }")
)
RANDOM = np.random.default_rng(0)
INPUTS = Inputs({"data": RANDOM.normal(size=(9, 2, 4, 4))})


def net(dead: tuple[int, ...] = (), zeroed: tuple[int, ...] = ()) -> Model:
    """A net with dead units of fc behind their ReLU, and channels of conv without weights."""
    random = np.random.default_rng(1)
    kernels, bias = random.normal(size=(6, 2, 3, 3)), np.full(8, 400.0)
    kernels[list(zeroed)] = 0
    bias[list(dead)] = -1e3
    return make_model(
        TEXT,
        {
            "conv": [kernels, np.full(6, 5.0)],
            "fc": [random.normal(size=(8, 24)), bias],
            "last": [random.normal(size=(3, 8)), random.normal(size=3)],
        },
    )


def counted(a: Model, b: Optional[Model] = None, inputs: Inputs = INPUTS) -> dict[str, object]:
    found = verify(a, b or a, inputs=inputs, engine="caffe", blobs="common", max_error=9.0)
    assert all(row.channels for row in found.blobs)
    return {row.blob: row.unmoved for row in found.blobs if row.unmoved}


def test_dead_units_are_counted(caffe_python: str) -> None:
    found = verify(net(dead=(1, 5)), net(dead=(1, 5)), inputs=INPUTS, engine="caffe", blobs="relu2")
    assert [(row.channels, row.unmoved) for row in found.blobs] == [(8, 2)]
    assert unmoved_lines(found) == [
        "2 of 8 channels of blob 'relu2' never moved on these inputs: "
        "nothing is known of what they do"
    ]
    rows = found.to_dict()["blobs"]
    assert [(row["channels"], row["unmoved"]) for row in rows] == [(8, 2)]


def test_channels_without_weights_are_counted_in_every_blob(caffe_python: str) -> None:
    model = net(zeroed=(3,))
    found = verify(model, model, inputs=INPUTS, engine="caffe", blobs="common")
    assert {row.blob: row.unmoved for row in found.blobs if row.unmoved} == {"conv": 1, "relu1": 1}
    assert unmoved_lines(found) == [
        "2 of 12 channels of 2 blobs never moved on these inputs: nothing is known of what they do"
    ]


def test_what_moves_in_one_of_the_nets_has_moved(caffe_python: str) -> None:
    assert counted(net(dead=(2, 4)), net(dead=(4, 6))) == {"relu2": 1}


def test_nothing_is_said_where_all_moves(caffe_python: str) -> None:
    found = verify(net(), net(), inputs=INPUTS, engine="caffe", blobs="common")
    assert [row.unmoved for row in found.blobs] == [0] * len(found.blobs)
    assert not unmoved_lines(found)


def test_inputs_that_are_all_the_same_move_nothing(caffe_python: str) -> None:
    same = Inputs({"data": np.repeat(RANDOM.normal(size=(1, 2, 4, 4)), 5, axis=0)})
    found = verify(net(), net(), inputs=same, engine="caffe")
    assert [(row.channels, row.unmoved) for row in found.blobs] == [(3, 3)]


def test_one_input_cannot_tell(caffe_python: str) -> None:
    one = Inputs({"data": RANDOM.normal(size=(1, 2, 4, 4))})
    found = verify(net(dead=(1,)), net(dead=(1,)), inputs=one, engine="caffe", blobs="common")
    assert {row.unmoved for row in found.blobs} == {None}
    assert unmoved_lines(found) == [
        "one input alone cannot tell which channels move with it: give more"
    ]


@pytest.mark.parametrize("layer", ["fc", "last"])
def test_a_compression_tells_what_no_input_moved(
    layer: str, tmp_path: Path, caffe_python: str
) -> None:
    plan = Plan((Edit(layer, "svd", {"rank": 2}),))
    for model, said in ((net(dead=(0, 3, 7)), True), (net(), False)):
        folder = tmp_path / str(said)
        model.save(folder / "deploy.prototxt", folder / "net.caffemodel")
        done = write_proved(model, plan, folder / "out", Proof(inputs=INPUTS))
        assert done.equality
        rows = done.to_dict()["proof"]["equality"]["blobs"]
        assert (sum(row["unmoved"] for row in rows) == 3) is said
        lines = [line for line in verdict(done) if "3 of 8 channels of blob 'relu2'" in line]
        assert len(lines) == said


def test_golden_files_tell_it_too(tmp_path: Path, caffe_python: str) -> None:
    model = net(dead=tuple(range(8)))
    save_golden(model, tmp_path / "golden.npz", inputs=INPUTS, engine="caffe")
    found = verify_golden(model, tmp_path / "golden.npz", engine="caffe")
    assert [(row.channels, row.unmoved) for row in found.blobs] == [(3, 3)]


def test_what_depends_on_shapes_alone_is_not_counted() -> None:
    box = "prior_box_param { min_size: 1 }"
    text = TEXT + 'layer { name: "box" type: "PriorBox" bottom: "conv" bottom: "data" top: "box" '
    network = make_model(text + box + "}", {}).network()
    fed = {str(value) for value in fed_values(network)}
    assert "box" not in fed
    assert {"data", "last"} <= fed


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("shape", [(5,), (5, 3, 2), (1,), ()])
def test_batches_do_not_matter(size: int, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(3)
    a = random.integers(0, 2, size=(7, *shape)).astype(np.float32)
    a[..., :1] = a[:1, ..., :1] if shape else 1
    b = np.zeros_like(a)
    tally = UnmovedTally()
    for start in range(0, 7, size):
        tally.add(a[start : start + size], b[start : start + size])
    rows = a.reshape(7, shape[0] if shape else 1, -1)
    still = (rows == rows[:1]).all(axis=(0, 2)).sum()
    assert tally.result() == Unmoved(rows.shape[1], still)


def test_rows_of_another_form_are_not_compared() -> None:
    tally = UnmovedTally()
    tally.add(np.zeros((2, 3)), np.zeros((2, 3)))
    tally.add(np.zeros((2, 4)), np.zeros((2, 4)))
    assert tally.result() is None
