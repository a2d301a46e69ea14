"""``netsurgery finetune`` on targets of the user's own, and on data that only Caffe reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, Tuple

import numpy as np
import pytest
from command_line import tables_in
from small_models import make_model

import netsurgery as ns

RANDOM = np.random.RandomState(4)
COUNT = 120
DATA = RANDOM.normal(size=(COUNT, 5)).astype(np.float32)
AIM = np.float32(DATA @ RANDOM.normal(size=(5, 2)) + 3)
KIND = (DATA[:, 0] > 0).astype(np.float32)

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 5 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 2 } }
"""
FC = """
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 2 } }
"""
STEPS = ["--steps", "60", "--batch", "12", "--lr", "0.05", "--validate-every", "20"]


@pytest.fixture
def pair(tmp_path: Path) -> Tuple[Path, Path]:
    """A net that makes two numbers of five, and has learned nothing."""
    files = tmp_path / "in" / "net.prototxt", tmp_path / "in" / "net.caffemodel"
    make_model(NET, {"fc": [RANDOM.normal(size=(2, 5)) * 0.1, np.zeros(2)]}).save(*files)
    return files


def figures(out: str) -> Dict[str, Tuple[str, str]]:
    *_, told = tables_in(out)
    return {row[""]: (row["before"], row["after"]) for row in told}


def rms(files: Tuple[Path, Path], data: np.ndarray, aim: np.ndarray) -> float:
    weights, bias = (blob.array() for blob in ns.load(*files).blobs("fc"))
    made = np.asarray(data, np.float64) @ weights.T + bias
    return float(np.sqrt(((made - aim) ** 2).mean()))


def test_arrays_named_after_outputs_are_learned(netsurgery, caffe, pair, tmp_path) -> None:
    given, others = tmp_path / "train.npz", tmp_path / "others.npz"
    np.savez(given, data=DATA[:80], fc=AIM[:80])
    np.savez(others, data=DATA[80:], fc=AIM[80:])
    out = tmp_path / "out"
    told = ["--calibrate", given, "--validate", others, *STEPS, "-o", out]
    done = netsurgery("finetune", *pair, *told)
    assert done.status == 0, done.err
    before, after = (float(one) for one in figures(done.out)["rms error of fc"])
    tuned = (out / "net.prototxt", out / "net.caffemodel")
    assert before == pytest.approx(rms(pair, DATA[80:], AIM[80:]), rel=1e-3)  # four digits
    assert after == pytest.approx(rms(tuned, DATA[80:], AIM[80:]), rel=1e-3)
    assert after < 0.2 * before
    record = json.loads((out / "netsurgery.json").read_text())
    assert record["report"]["after"]["rms error of fc"] == pytest.approx(after, rel=1e-3)


def train_val(folder: Path, data: str, loss: str) -> Path:
    file = folder / "train_val.prototxt"
    file.write_text(data + FC + loss)
    return file


def test_losses_of_a_text_are_learned_from_hdf5_data(netsurgery, caffe, pair, tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "train.h5", "w") as stream:
        stream["data"], stream["both"] = DATA, np.hstack([AIM, KIND[:, None]])
    (tmp_path / "train.txt").write_text(f"{tmp_path / 'train.h5'}\n")
    text = train_val(
        tmp_path,
        f"""layer {{ name: "hdf" type: "HDF5Data" top: "data" top: "both"
        hdf5_data_param {{ source: "{tmp_path / "train.txt"}" batch_size: 12 shuffle: true }} }}""",
        """layer { name: "cut" type: "Slice" bottom: "both" top: "aim" top: "kind"
                slice_param { axis: 1 slice_point: 2 } }
        layer { name: "squares" type: "EuclideanLoss" bottom: "fc" bottom: "aim" top: "squares" }
        layer { name: "classes" type: "SoftmaxWithLoss" bottom: "fc" bottom: "kind" top: "classes"
                loss_weight: 0.001 }""",
    )
    out = tmp_path / "out"
    done = netsurgery(
        *("finetune", *pair, "--calibrate", text, "--train-val", text, *STEPS, "-o", out)
    )
    assert done.status == 0, done.err
    assert "trained on 84 inputs, 18 aside to stop by" in done.out
    told = figures(done.out)
    before, after = (float(one) for one in told["rms error of fc"])
    assert after < 0.2 * before
    assert {side.endswith("%") for side in told["right of fc"]} == {True}
    history = json.loads((out / "netsurgery.json").read_text())["history"]
    assert history[-1]["loss"] < 0.1 * history[0]["loss"]


LAYER = '''
import caffe
import numpy as np


class Clouds(caffe.Layer):
    """Points, and the side that each is on."""

    def setup(self, bottom, top):
        self.random = np.random.RandomState(9)

    def reshape(self, bottom, top):
        top[0].reshape(12, 5)
        top[1].reshape(12)

    def forward(self, bottom, top):
        top[0].data[...] = self.random.normal(size=(12, 5))
        top[1].data[...] = top[0].data[:, 0] > 0

    def backward(self, top, propagate_down, bottom):
        pass
'''
OWN = """layer { name: "clouds" type: "Python" top: "data" top: "label"
        python_param { module: "clouds_of_points" layer: "Clouds" } }"""
LOSS = """layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }"""


def test_data_that_only_caffe_reads_train_a_net(
    netsurgery, caffe, pair, tmp_path, monkeypatch
) -> None:
    (tmp_path / "clouds_of_points.py").write_text(LAYER)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    np.savez(tmp_path / "judge.npz", data=DATA, labels=KIND)
    text, out = train_val(tmp_path, OWN, LOSS), tmp_path / "out"
    told = ["--calibrate", tmp_path / "judge.npz", "--train-val", text, *STEPS, "-o", out]
    done = netsurgery("finetune", *pair, *told)
    assert done.status == 0, done.err
    assert "note: only their own Caffe reads the data of clouds (Python)" in done.out
    before, after = (float(one.rstrip("%")) for one in figures(done.out)["accuracy"])
    assert before < 90 < after
    # The rates are tried on such data, too.
    tried = [one for one in told[:-1] if one not in ("--lr", "0.05")]
    done = netsurgery("finetune", *pair, *tried, tmp_path / "tried")
    assert done.status == 0, done.err
    assert "that were tried for 20 steps each" in done.out
    # A teacher cannot be asked about what nobody here sees.
    refused = netsurgery("finetune", *pair, "--teacher", *pair, *told[:-1], tmp_path / "bad")
    assert refused.status == 2
    assert "layer 'clouds': is of type Python, whose data only its own Caffe reads" in refused.err
