from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_models import make_model

from netsurgery.network.cost import total_cost
from netsurgery.network.model import load
from netsurgery.planning import Plan

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PAIR = (DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
HELD_OUT = DIGITS / "held_out.npz"


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A few digits: enough to calibrate on."""
    path = tmp_path / "few.npz"
    np.savez(path, data=np.load(HELD_OUT)["data"][:150])
    return path


def test_a_share_of_the_macs(netsurgery, caffe, tmp_path, inputs) -> None:
    out, plan = tmp_path / "out", tmp_path / "plan.yaml"
    done = netsurgery(
        "thin", *PAIR, "--macs", "0.6", "--calibrate", inputs, "--inputs", HELD_OUT,
        "-o", out, "--save-plan", plan, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    report = json.loads(done.out)
    assert report == json.loads((out / "netsurgery.json").read_text())
    assert report["after"]["macs"] <= 0.6 * report["before"]["macs"]
    assert report["proof"]["passed"]
    assert {edit["method"] for edit in report["plan"]["edits"]} == {"thin", "refit"}
    thinned = load(out / "deploy.prototxt", out / "digits.caffemodel")
    assert total_cost(thinned).macs == report["after"]["macs"]
    # The plan says all there is to say: carried out again it gives the same bytes.
    again = netsurgery("apply", plan, *PAIR, "--calibrate", inputs, "-o", tmp_path / "again")
    assert again.status == 0, again.err
    for name in ("deploy.prototxt", "digits.caffemodel"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    without = netsurgery("apply", plan, *PAIR, "-o", tmp_path / "without")
    assert without.status == 2
    assert "--calibrate" in without.err
    assert not (tmp_path / "without").exists()


@pytest.mark.parametrize("size", ["250kB", "0.48"])
def test_a_size_of_the_file(netsurgery, caffe, tmp_path, inputs, size) -> None:
    out = tmp_path / "out"
    done = netsurgery(
        "thin", *PAIR, "--bytes", size, "--calibrate", inputs, "--inputs", HELD_OUT,
        "-o", out, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    report = json.loads(done.out)
    assert report["proof"]["passed"]
    before, after = (path.stat().st_size for path in (PAIR[1], out / "digits.caffemodel"))
    allowed = 250_000 if size == "250kB" else 0.48 * before
    # The last channel that went saved less than a twentieth.
    assert 0.95 * allowed < after <= allowed
    # Layers that are fitted anew come without the fields that stood beside their numbers.
    assert 0 <= report["plan"]["expected"]["left"]["bytes"] - after < 100
    assert report["asked"][0]["what"] == "bytes"


def test_numbers_of_channels_without_inputs(netsurgery, caffe, tmp_path) -> None:
    arguments = ("--keep", "conv*=0.5", "--keep", "fc3=64", "--criterion", "l1", "--no-compensate")
    done = netsurgery("thin", *PAIR, *arguments, "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert "64 of 192 channels" in done.out
    thinned = load(tmp_path / "out" / "deploy.prototxt", tmp_path / "out" / "digits.caffemodel")
    assert thinned.blobs("fc3")[0].shape[0] == 64
    assert thinned.blobs("conv1")[0].shape[0] == load(*PAIR).blobs("conv1")[0].shape[0] // 2


def test_a_width_and_multiples(netsurgery, tmp_path) -> None:
    plan = tmp_path / "plan.yaml"
    arguments = ("--width", "10", "--round", "4", "--save-plan", plan, "--dry-run")
    done = netsurgery("thin", *PAIR, *arguments)
    assert done.status == 0, done.err
    assert "+" in done.out
    kept = {edit.layer: len(edit.options["keep"]) for edit in Plan.load(plan).edits}
    # 10 is as near to 8 as to 12: of two the larger.
    assert kept == {"conv1": 12, "conv2": 12, "fc3": 20, "fc4": 20}
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_what_is_dead_goes_without_a_trace(netsurgery, caffe, tmp_path, zoo) -> None:
    folder = zoo / "dns_lenet300100"
    weights = next(folder.glob("*.caffemodel"))
    arguments = ("--from-zeros", "-o", tmp_path / "out", "--json")
    done = netsurgery("thin", folder / "deploy_derived.prototxt", weights, *arguments)
    assert done.status == 0, done.err
    report = json.loads(done.out)
    assert report["proof"]["passed"]
    assert all(row["error"] < 1e-5 for row in report["proof"]["effect"]["blobs"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "say how thin"),
        (("--macs", "0.5", "--from-zeros"), "say how thin"),
        (("--macs", "1.5"), "say 0.015 or 1.5%"),
        (("--macs", "0.00001"), "budget cannot be met"),
        (("--bytes", "100"), "of the bytes are left when every group"),
        (("--latency", "2"), "say 0.02 or 2%"),
        (("--from-zeros", "--bytes", "0.5"), "say how thin, or --from-zeros"),
        (("--macs", "0.1", "--width", "16"), "the others keep what widths and rules ask"),
        (("--keep", "nothing=3"), "nothing"),
        (("--keep", "conv1=100000"), "it has"),
        (("--keep", "conv1"), "conv1"),
        (("--width", "0"), "not in the range"),
        (("--width", "8", "--round", "0"), "not in the range"),
        (("--width", "8", "--criterion", "magic"), "there is no criterion 'magic'"),
        (("--width", "8", "--criterion", "activation"), "--calibrate"),
        (("--width", "8", "--compensate", "patches"), "--calibrate"),
        (("--width", "8", "--compensate", "refit"), "--calibrate"),
        (("--from-zeros", "--criterion", "l1"), "--from-zeros"),
        (("--from-zeros", "--no-compensate"), "--from-zeros"),
        (("--width", "8", "--calibrate", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_wrong_usage_is_a_line(netsurgery, tmp_path, arguments, problem) -> None:
    done = netsurgery("thin", *PAIR, *arguments, "-o", tmp_path / "out")
    assert done.status == 2, done.out
    assert problem in done.err
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()[-1]) > 10
    assert not list(tmp_path.iterdir())


def test_the_original_is_not_overwritten(netsurgery, tmp_path) -> None:
    for path in PAIR:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    own = [tmp_path / path.name for path in PAIR]
    done = netsurgery("thin", *own, "--width", "8", "-o", tmp_path)
    assert done.status == 2
    assert "would be overwritten" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in PAIR)


def test_a_net_that_is_not_exact_is_said_to_be_so(netsurgery, caffe, tmp_path) -> None:
    from calibration_nets import declared
    from channel_choices import with_random_weights
    from channel_nets import CONVOLUTION, line

    text = declared("x", 1, 3, 8, 8) + line(
        "Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8"
    )
    text += line("LRN", "n", ["a"], ["n"])
    text += line("InnerProduct", "o", ["n"], ["o"], "inner_product_param { num_output: 3 }")
    pair = tmp_path / "in" / "net.prototxt", tmp_path / "in" / "net.caffemodel"
    with_random_weights(text).save(*pair)
    done = netsurgery("thin", *pair, "--keep", "a=4", "-o", tmp_path / "out")
    assert done.status == 0, done.out
    assert "UNPROVEN" in done.out
    assert "LRN" in done.out


V0 = """
input: "x" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "x" top: "p" }
layers { layer { name: "a" type: "conv" num_output: 8 kernelsize: 3 } bottom: "p" top: "a" }
layers { layer { name: "r" type: "relu" } bottom: "a" top: "a" }
layers { layer { name: "o" type: "innerproduct" num_output: 3 } bottom: "a" top: "o" }
"""


@pytest.mark.parametrize("criterion", ["l1", "surgeon"])
def test_a_net_in_the_oldest_layout_is_upgraded(netsurgery, caffe, tmp_path, criterion) -> None:
    random = np.random.default_rng(0)
    arrays = {
        "a": [random.normal(size=(8, 3, 3, 3)), random.normal(size=8)],
        "o": [random.normal(size=(3, 512)), random.normal(size=3)],
    }
    pair = tmp_path / "in" / "net.prototxt", tmp_path / "in" / "net.caffemodel"
    make_model(V0, arrays).save(*pair)
    calibrate = tmp_path / "few.npy"
    np.save(calibrate, random.normal(size=(30, 3, 8, 8)).astype(np.float32))
    arguments = ("--keep", "a=5", "--criterion", criterion, "--calibrate", calibrate)
    done = netsurgery("thin", *pair, *arguments, "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert "proved" in done.out
    assert load(tmp_path / "out" / "net.prototxt").prototxt.version == "V2"


def test_what_was_asked_stands_beside_what_was_reached(netsurgery, tmp_path) -> None:
    arguments = ("--macs", "50%", "--width", "6", "--no-verify", "-o", tmp_path / "out")
    told = netsurgery("thin", *PAIR, *arguments, "--save-plan", tmp_path / "plan.yaml")
    assert told.status == 0, told.err
    report = json.loads((tmp_path / "out" / "netsurgery.json").read_text())
    left = report["after"]["macs"] / report["before"]["macs"]
    budget, *layers = report["asked"]
    assert budget == {
        "layer": None, "what": "macs", "asked": 0.5, "reached": pytest.approx(left, rel=1e-5)
    }  # fmt: skip
    assert {(one["layer"], one["what"], one["reached"]) for one in layers} == {
        ("conv1", "width", 6), ("conv2", "width", 6), ("fc3", "width", 12), ("fc4", "width", 12)
    }  # fmt: skip
    for out in (told.out, netsurgery("explain", tmp_path / "plan.yaml").out):
        assert f"budget of macs: 50% asked, {100 * left:.4g}% reached" in out
        assert "the budget is not used up: widths or rules take more than it asks" in out
        assert "width 12" in out


def test_ranks_by_energy_stand_beside_what_they_keep(netsurgery, tmp_path) -> None:
    arguments = ("--energy", "fc*=90%", "--no-verify", "-o", tmp_path / "out", "--json")
    report = json.loads(netsurgery("compress", *PAIR, *arguments).out)
    for one in report["asked"]:
        assert (one["what"], one["asked"]) == ("energy", 0.9)
        assert 0.9 <= one["reached"] < 0.96
    assert [one["layer"] for one in report["asked"]] == ["fc3", "fc4", "fc5"]
    told = netsurgery("plan", *PAIR, "--energy", "fc*=90%", "-o", tmp_path / "plan.yaml").out
    assert told.count("energy 90%") == 3
