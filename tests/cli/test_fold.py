from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_models import TWO_LAYERS, decaying, make_model

from netsurgery.methods import Prediction
from netsurgery.network.model import load
from netsurgery.planning import Plan

BATCH_NORM = 'layer { name: "bn7" type: "BatchNorm" bottom: "fc7" top: "bn7" }\n'


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    ones = np.ones(5)
    blobs = {
        "fc6": [decaying(32, 48, 2), np.ones(32)],
        "fc7": [decaying(5, 32, 3), ones],
        "bn7": [ones, 4 * ones, np.ones(1)],
    }
    make_model(TWO_LAYERS + BATCH_NORM, blobs).save(*paths)
    return paths


def test_folding_can_be_all_that_is_done(netsurgery, pair, tmp_path, caffe_python) -> None:
    done = netsurgery("compress", *pair, "--fold-batchnorm", "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert "with bn7" in done.out
    assert "proved" in done.out
    names = [layer.name for layer in load(tmp_path / "out" / "deploy.prototxt").prototxt.layers]
    assert names == ["data", "fc6", "relu6", "fc7"]


def test_folding_comes_before_the_rest(netsurgery, pair, tmp_path, caffe_python) -> None:
    arguments = ("--fold-batchnorm", "--rank", "fc*=3", "-o", tmp_path / "out", "--json")
    done = netsurgery("compress", *pair, *arguments)
    assert done.status == 0, done.err
    report = json.loads(done.out)
    edits = [(edit["layer"], edit["method"]) for edit in report["plan"]["edits"]]
    assert edits == [("fc7", "fold_batchnorm"), ("fc6", "svd"), ("fc7", "svd")]
    assert report["proof"]["passed"] is True


@pytest.mark.parametrize("name", ["cifar10_bn_graphopt", "resnet20_cifar10"])
def test_pycaffe_can_write_folded_layers(netsurgery, zoo, tmp_path, caffe_python, name) -> None:
    folder = zoo / name
    files = folder / "deploy_derived.prototxt", next(folder.glob("[mR]*.caffemodel"))
    rules = ("--fold-batchnorm", "--energy", "InnerProduct=0.9", "--no-verify")
    models = []
    for writer in ("direct", "caffe"):
        out = tmp_path / writer
        done = netsurgery("compress", *files, *rules, "--blobs", writer, "-o", out)
        assert done.status == 0, done.err
        models.append(load(out / files[0].name, out / files[1].name))
    direct, caffe = models
    for layer in direct.weights.layers:
        found = caffe.blobs(layer.name)
        assert len(found) == len(layer.blobs)
        for old, new in zip(layer.blobs, found):
            assert old.array().tobytes() == new.array().tobytes()


def test_a_plan_tells_the_folds(netsurgery, pair) -> None:
    done = netsurgery("plan", *pair, "--fold-batchnorm")
    (edit,) = Plan.from_yaml(done.out).edits
    assert (edit.layer, edit.method, edit.predicted) == (
        "fc7",
        "fold_batchnorm",
        Prediction(folds=["bn7"]),
    )


@pytest.mark.parametrize("kept", ["bn7", "fc7", "BatchNorm", "bn*"])
def test_what_is_to_be_kept_is_not_folded(netsurgery, pair, tmp_path, kept) -> None:
    arguments = ("--fold-batchnorm", "--keep", kept, "--no-verify", "-o", tmp_path / "out")
    done = netsurgery("compress", *pair, *arguments)
    assert done.status == 0, done.err
    assert "bn7 (kept on request)" in done.out
    assert (tmp_path / "out" / "deploy.prototxt").read_bytes() == pair[0].read_bytes()
    with_rules = netsurgery("plan", *pair, "--fold-batchnorm", "--energy", "0.9", "--keep", kept)
    assert "fold_batchnorm" not in with_rules.out
    unknown = netsurgery("compress", *pair, "--fold-batchnorm", "--keep", "b7", *arguments[3:])
    assert unknown.status == 2
    assert "selects no layer" in unknown.err
