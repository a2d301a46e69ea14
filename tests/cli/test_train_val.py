"""The prototxt that a net is trained by is rewritten as the net is, whichever command does it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from netsurgery.formats import Prototxt
from netsurgery.network import load

TRAIN_VAL = """\
layer { name: "data" type: "DummyData" top: "data"
        dummy_data_param { shape { dim: 8 dim: 3 dim: 4 dim: 4 } } }
layer { name: "fc6" type: "InnerProduct" bottom: "data" top: "fc6" param { lr_mult: 3 }
        inner_product_param { num_output: 32 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7"
        inner_product_param { num_output: 5 } }
"""


@pytest.fixture
def train_val(tmp_path: Path) -> Path:
    path = tmp_path / "train_val.prototxt"
    path.write_text(TRAIN_VAL)
    return path


@pytest.fixture
def plan(netsurgery, pair, tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    assert netsurgery("plan", *pair, "--rank", "fc6=4", "-o", path).status == 0
    return path


def layers_of(text: Path) -> dict:
    return {one.name: one.parameter for one in Prototxt.read(text).layers}


def test_low_ranks(netsurgery, pair, plan: Path, train_val: Path, tmp_path: Path) -> None:
    """A new layer learns as the one that it comes from."""
    asked = {"apply": (plan,), "compress": (*pair, "--rank", "fc6=4", "--no-verify")}
    texts = []
    for command, given in asked.items():
        out = tmp_path / command
        done = netsurgery(command, *given, "-o", out, "--train-val", train_val)
        assert done.status == 0, done.err
        assert f"written {out / 'train_val.prototxt'}" in done.out
        texts.append((out / "train_val.prototxt").read_bytes())
    assert texts[0] == texts[1]
    report = json.loads((tmp_path / "compress" / "netsurgery.json").read_text())
    assert report["files"] == ["deploy.prototxt", "net.caffemodel", "train_val.prototxt"]
    layers = layers_of(tmp_path / "compress" / "train_val.prototxt")
    assert list(layers) == ["data", "fc6_L", "fc6_U", "relu6", "fc7"]
    assert [layers[name].param[0].lr_mult for name in ("fc6_L", "fc6_U")] == [3, 3]


SOLVER = """\
net: "train_val.prototxt"
base_lr: 0.01
lr_policy: "fixed"
max_iter: 1000
"""


@pytest.fixture
def solver(tmp_path: Path) -> Path:
    path = tmp_path / "solver.prototxt"
    path.write_text(SOLVER)
    return path


@pytest.mark.parametrize("command", ["apply", "compress", "thin"])
def test_a_solver_goes_along(
    netsurgery, pair, plan: Path, train_val: Path, solver: Path, tmp_path: Path, command: str
) -> None:
    asked = {"apply": (plan,), "compress": (*pair, "--rank", "fc6=4", "--no-verify")}
    asked["thin"] = (*pair, "--keep", "fc6=20", "--no-verify")
    given, out = asked[command], tmp_path / "out"
    done = netsurgery(command, *given, "-o", out, "--train-val", train_val, "--solver", solver)
    assert done.status == 0, done.err
    assert f"written {out / 'solver.prototxt'}" in done.out
    expected = SOLVER.replace("0.01", "0.001").replace("1000", "100")
    expected += 'snapshot_prefix: "net"\n'
    assert (out / "solver.prototxt").read_text().startswith(f"{expected}# For tuning")


def test_a_solver_alone_gets_a_text_to_train_by(
    netsurgery, pair, solver: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = (*pair, "--rank", "fc6=4", "--no-verify", "--solver", solver)
    assert netsurgery("compress", *asked, "-o", out).status == 0
    assert "EuclideanLoss" in {one.type for one in layers_of(out / "train_val.prototxt").values()}


def test_factors_are_balanced_for_who_trains_on(
    netsurgery, pair, solver: Path, tmp_path: Path
) -> None:
    """Each layer of a pair then has the same norm; otherwise the first holds all of it."""
    shares = {}
    given = {"alone": (), "trained": ("--solver", solver)}
    given["as asked"] = (*given["trained"], "--split", "first")
    for name, flags in given.items():
        out = tmp_path / name
        asked = (*pair, "--rank", "fc6=4", "--no-verify", *flags)
        assert netsurgery("compress", *asked, "-o", out).status == 0
        weights = load(out / "deploy.prototxt", out / "net.caffemodel").weights
        first, second = (weights.blobs(f"fc6_{part}")[0].array() for part in "LU")
        shares[name] = np.linalg.norm(first) / np.linalg.norm(second)
    assert shares["trained"] == pytest.approx(1, rel=1e-5)  # two sums of float32
    assert shares["alone"] == shares["as asked"] != pytest.approx(1, rel=0.01)


def test_a_solver_under_the_name_of_the_net_is_refused(
    netsurgery, pair, solver: Path, tmp_path: Path
) -> None:
    named = tmp_path / "elsewhere" / "deploy.prototxt"
    named.parent.mkdir()
    named.write_text(SOLVER)
    asked = (*pair, "--rank", "fc6=4", "--solver", named, "-o", tmp_path / "out")
    done = netsurgery("compress", *asked)
    assert done.status == 2
    assert "is called deploy.prototxt too; copy it under another name" in done.err
    assert not (tmp_path / "out").exists()


def test_thinned_layers(netsurgery, pair, train_val: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    flags = ("--keep", "fc6=20", "--no-verify", "--train-val", train_val)
    done = netsurgery("thin", *pair, *flags, "-o", out)
    assert done.status == 0, done.err
    thinned = layers_of(out / "train_val.prototxt")["fc6"]
    assert thinned.inner_product_param.num_output == 20
    assert thinned.param[0].lr_mult == 3


@pytest.mark.parametrize("command", ["apply", "compress"])
def test_a_text_that_cannot_be_rewritten_alike_stops_all(
    netsurgery, pair, plan: Path, train_val: Path, tmp_path: Path, command: str
) -> None:
    train_val.write_text(TRAIN_VAL.replace("InnerProduct", "Convolution", 1))
    given = (plan,) if command == "apply" else (*pair, "--rank", "fc6=4")
    done = netsurgery(command, *given, "-o", tmp_path / "out", "--train-val", train_val)
    assert done.status == 2
    assert "'fc6': is of type Convolution here, and InnerProduct in" in done.err
    assert not (tmp_path / "out").exists()


def test_a_text_is_refused_before_any_work(
    netsurgery, pair, plan: Path, train_val: Path, tmp_path: Path
) -> None:
    same = tmp_path / "elsewhere" / "deploy.prototxt"
    same.parent.mkdir()
    same.write_text(TRAIN_VAL)
    rank = (*pair, "--rank", "fc6=4")
    for told, out, flags in (
        (train_val, tmp_path, ()),
        (same, tmp_path / "out", ()),
        (tmp_path / "none.prototxt", tmp_path / "out", ()),
        (train_val, tmp_path / "out", ("--dry-run",)),
    ):
        done = netsurgery("compress", *rank, "-o", out, "--train-val", told, *flags)
        assert done.status == 2, done.out
        assert len(done.err.strip().splitlines()) == 1
        assert not (tmp_path / "out").exists()
    assert netsurgery("apply", plan, "-o", tmp_path, "--train-val", train_val).status == 2
    assert train_val.read_text() == TRAIN_VAL
