"""``--input`` on every command that needs shapes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_models import make_model

from netsurgery.formats.weights import open_weights

NET = """\
layer { name: "d" type: "DenseImageData" top: "x" top: "label"
        dense_image_data_param { source: "a.txt" batch_size: 1 } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "e" type: "InnerProduct" bottom: "c" top: "e"
        inner_product_param { num_output: 30 } }
"""
INPUT = ("--input", "x=1,3,6,6")
OPENCV = ("--engine", "opencv")  # which starts sooner


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    random = np.random.default_rng(0)
    model = make_model(
        NET,
        {
            "c": [random.normal(size=(8, 3, 3, 3)), random.normal(size=8)],
            "e": [random.normal(size=(30, 288)), random.normal(size=30)],
        },
    )
    paths = tmp_path / "in" / "net.prototxt", tmp_path / "in" / "net.caffemodel"
    model.save(*paths)
    return paths


def test_every_command_takes_the_shape_of_an_input(netsurgery, opencv, files, tmp_path) -> None:
    done = netsurgery("plan", *files, "--macs", "0.7", *INPUT, "-o", tmp_path / "plan.yaml")
    assert done.status == 0, done.err
    done = netsurgery("apply", tmp_path / "plan.yaml", *INPUT, "-o", tmp_path / "applied")
    assert done.status == 0, done.err
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(1).normal(size=(6, 3, 6, 6)))
    runs = {
        "compress": ("--rank", "e=5"),
        "thin": ("--macs", "0.6"),
    }
    for command, more in runs.items():
        out = tmp_path / command
        done = netsurgery(command, *files, *more, *INPUT, *OPENCV, "--json", "-o", out)
        printed = json.loads(done.out)
        assert printed["proof"]["passed"], done.err
        assert printed["after"]["macs"] < printed["before"]["macs"] == 36 * 8 * 27 + 30 * 288
        # The layer of the fork stands in the new prototxt as it was.
        assert b'"DenseImageData" top: "x" top: "label"' in (out / "net.prototxt").read_bytes()
    done = netsurgery("inspect", *files, *INPUT, "--json")
    assert json.loads(done.out)["totals"]["macs"] == 36 * 8 * 27 + 30 * 288
    done = netsurgery("channels", files[0], *INPUT, "--json")
    assert any(group["name"] == "c" for group in json.loads(done.out))
    data = ("--data", tmp_path / "data.npz", "--criteria", "activation")
    done = netsurgery("rank", *files, *data, *INPUT, *OPENCV)
    assert done.status == 0, done.err
    done = netsurgery("verify", *files, *files, "--expect", "exact", *INPUT, *OPENCV)
    assert done.status == 0, done.err
    golden = tmp_path / "golden.npz"
    assert netsurgery("verify", *files, "--save-golden", golden, *INPUT, *OPENCV).status == 0
    assert netsurgery("verify", *files, "--golden", golden, *INPUT, *OPENCV).status == 0
    done = netsurgery("doctor", *files, *INPUT)
    assert "DenseImageData" in done.out  # what stock Caffe refuses it refuses still


def test_shapes_for_old_blobs_may_be_given_too(netsurgery, files, tmp_path: Path) -> None:
    """HDF5 has the shapes of the net, which depend on that of the input."""
    weights = open_weights(files[1])
    for more in (INPUT, ("--input", "x=9,3,6,6")):
        done = netsurgery(
            *("convert", files[1], tmp_path / "net.h5", "--prototxt", files[0], *more)
        )
        assert done.status == 0, done.err
        assert open_weights(tmp_path / "net.h5").blobs("e")[0].shape == weights.blobs("e")[0].shape
    done = netsurgery("convert", files[1], tmp_path / "no.h5", *INPUT)
    assert done.status == 2
    assert "--prototxt" in done.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("y=1,3,6,6", "'y' is not an input of the network; its inputs are label, x"),
        ("x=1,4,6,6", "'c': does not fit an input of x=1,4,6,6"),
        ("x=1,3,7,6", "'e': does not fit an input of x=1,3,7,6"),
        ("x=1,3", "'c': does not fit an input of x=1,3"),
        ("x=1,3,0,6", "is not of the form"),
        ("x=1,3,-6,6", "is not of the form"),
        ("x", "is not of the form"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("compress", "--rank", "e=4", "-o", "OUT"),
        ("thin", "--keep", "c=0.5", "-o", "OUT"),
        ("plan", "--macs", "0.5"),
        ("rank",),
        ("inspect",),
        ("doctor",),
    ],
    ids=lambda command: command[0],
)
def test_what_does_not_fit_is_told_before_anything_is_done(
    netsurgery, files, tmp_path: Path, command: tuple, given: str, said: str
) -> None:
    name, *more = (str(tmp_path / "out") if word == "OUT" else word for word in command)
    done = netsurgery(name, *files, *more, "--input", given)
    assert done.status == 2
    assert said in done.err
    assert not (tmp_path / "out").exists()


def test_one_input_has_one_shape(netsurgery, files) -> None:
    done = netsurgery("inspect", *files, *INPUT, "--input", "x=2,3,6,6")
    assert done.status == 2
    assert "two shapes" in done.err


@pytest.mark.parametrize(
    "command",
    [
        ("compress", "--macs", "0.5", "-o", "OUT"),
        ("compress", "--bytes", "0.5", "-o", "OUT"),
        ("plan", "--params", "0.5"),
        ("plan", "--sweep", "0.3:0.9:0.3"),
        ("thin", "--macs", "0.5", "-o", "OUT"),
        ("thin", "--params", "0.5", "-o", "OUT"),
        ("rank", "--flops", "0.1"),
    ],
    ids=" ".join,
)
def test_no_budget_is_judged_where_a_shape_is_not_known(
    netsurgery, files, tmp_path: Path, command: tuple
) -> None:
    name, *more = (str(tmp_path / "out") if word == "OUT" else word for word in command)
    done = netsurgery(name, *files, *more)
    assert done.status == 2
    assert "'d': it is of type DenseImageData and tells no shape of 'x'" in done.err
    assert "give it with --input, as in x=1,3,224,224" in done.err
    assert not (tmp_path / "out").exists()


def test_no_share_is_told_of_what_is_not_known(netsurgery, files, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = netsurgery("compress", *files, "--rank", "e=5", "--no-verify", "-o", out)
    assert done.status == 0, done.err
    (row,) = (line.split() for line in done.out.splitlines() if line.strip().startswith("MACs"))
    assert row == ["MACs", "unknown", "unknown", "-"]
    assert "costs are not known: " in done.out
    printed = json.loads((out / "netsurgery.json").read_text())
    assert printed["before"]["macs"] is printed["after"]["macs"] is None
    done = netsurgery("inspect", *files)
    assert "unknown MACs" in done.out
    assert "'d': it is of type DenseImageData" in done.out
    printed = json.loads(netsurgery("inspect", *files, "--json").out)
    assert printed["totals"]["macs"] is None
    assert "DenseImageData" in printed["unknown"]
