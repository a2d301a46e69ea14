from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_models import make_model

NET = """
input: "data" input_shape { dim: 1 dim: 8 dim: 12 dim: 10 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 16 kernel_size: 3 pad: 1 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 5 } }
"""


@pytest.fixture
def convolutions(tmp_path: Path) -> tuple[Path, Path]:
    """A convolution and an InnerProduct."""
    random = np.random.default_rng(0)
    kernel = random.normal(size=(16, 8, 3, 3)) * 0.6 ** np.arange(8)[:, None, None]
    blobs = {
        "conv": [kernel, random.normal(size=16)],
        "fc": [random.normal(size=(5, 16 * 30)), random.normal(size=5)],
    }
    folder = tmp_path / "in"
    folder.mkdir()
    files = folder / "deploy.prototxt", folder / "net.caffemodel"
    make_model(NET, blobs).save(*files)
    return files


@pytest.mark.parametrize(
    ("method", "rank"),
    [
        ("channel_svd", 4),
        ("input_svd", 2),
        ("spatial_svd", 6),
        ("tucker", [2, 4]),
        ("spatial_channel_svd", [6, 4]),
        ("cp", 18),
    ],
)
def test_a_method_is_planned_and_carried_out(
    netsurgery, convolutions, tmp_path: Path, method: str, rank: object
) -> None:
    rules = ("--method", method, "--rank", "conv=0.25")
    plan = tmp_path / "plan.yaml"
    done = netsurgery("plan", *convolutions, *rules, "-o", plan)
    assert done.status == 0, done.err
    (edit,) = yaml.safe_load(plan.read_text())["edits"]
    assert (edit["layer"], edit["method"], edit["rank"]) == ("conv", method, rank)
    assert edit["predicted"]["macs"][1] < edit["predicted"]["macs"][0] == 16 * 8 * 9 * 30
    page = tmp_path / "page.html"
    done = netsurgery(
        "compress", *convolutions, *rules, "-o", tmp_path / "out", "--no-verify", "--html", page
    )
    assert done.status == 0, done.err
    assert method in done.out
    shown = rank if isinstance(rank, list) else [rank]
    assert ("rank " if len(shown) == 1 else "ranks ") + " and ".join(map(str, shown)) in done.out
    assert page.read_text(encoding="utf-8").count("conv: singular values") in (0, len(shown))


def test_a_tensor_train_is_planned_and_carried_out(netsurgery, convolutions, tmp_path) -> None:
    rules = ("--method", "tensor_train", "--error", "fc=0.5")
    done = netsurgery("plan", *convolutions, *rules, "-o", tmp_path / "plan.yaml")
    assert done.status == 0, done.err
    (edit,) = yaml.safe_load((tmp_path / "plan.yaml").read_text())["edits"]
    assert (edit["layer"], edit["method"]) == ("fc", "tensor_train")
    # One rank less would lose more than asked: of 5 x 480 in digits (1, 5) by (24, 20).
    assert 0.4 < edit["predicted"]["error"] <= 0.5
    page = ("--html", tmp_path / "page.html")
    done = netsurgery("compress", *convolutions, *rules, "-o", tmp_path / "out", *page)
    assert done.status == 0, done.err
    report = json.loads((tmp_path / "out" / "netsurgery.json").read_text())
    (layer,) = report["layers"]
    assert layer["measured"] == pytest.approx(edit["predicted"]["error"], rel=1e-4)
    before, after = report["before"], report["after"]
    # What the plan says of weights holds the factors of the Scale that adds the bias.
    assert before["params"] - after["params"] == -np.diff(edit["predicted"]["weights"])[0]
    assert before["macs"] - after["macs"] == -np.diff(edit["predicted"]["macs"])[0]


def test_forms_without_a_spectrum_are_not_told_from_noise(netsurgery, convolutions) -> None:
    done = netsurgery("plan", *convolutions, "--method", "cp", "--rank", "conv=evbmf")
    assert done.status == 2
    assert done.err.endswith("no spectrum to tell from noise; give a rank, an energy or an error\n")


def test_suffixes_are_as_many_as_layers(netsurgery, convolutions, tmp_path: Path) -> None:
    rules = ("--method", "tucker", "--rank", "conv=0.25", "-o", tmp_path / "out", "--no-verify")
    done = netsurgery("compress", *convolutions, *rules, "--naming", "_a,_b")
    assert done.status == 2
    assert "not three different texts" in done.err
    done = netsurgery("compress", *convolutions, *rules, "--naming", "_a,_b,_c")
    assert done.status == 0, done.err
    text = (tmp_path / "out" / "deploy.prototxt").read_text()
    assert all(f'name: "conv_{suffix}"' in text for suffix in "abc")


def test_inspect_shows_what_convolutions_could_save(netsurgery, convolutions) -> None:
    done = netsurgery("inspect", *convolutions)
    assert done.status == 0
    # 16 x 72 = 1152 weights; 13 * (16 + 72) = 1144 is the last rank that saves.
    assert "rank 13" in done.out
