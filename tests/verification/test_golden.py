"""Golden files: made by one engine, checked by another, and broken on purpose."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import make_model, two_layers

from netsurgery.calibration import Inputs
from netsurgery.errors import FormatError, VerificationError
from netsurgery.network.model import Model
from netsurgery.verification import save_golden, verify_golden
from netsurgery.verification.golden_file import Golden, read_golden


@pytest.fixture
def saved(opencv: str, tmp_path: Path) -> Golden:
    """The golden file of `two_layers`, at ``golden.npz``."""
    inputs = Inputs({"data": np.random.default_rng(0).normal(size=(3, 3, 4, 4))}, [4, 0, 2], "mine")
    return save_golden(two_layers(), tmp_path / "golden.npz", inputs=inputs, engine=opencv)


def test_made_by_caffe_and_checked_by_opencv(
    caffe: str, opencv: str, model: Callable[[str], Model], tmp_path: Path
) -> None:
    path = tmp_path / "golden.npz"
    for name in ("lenet_ethereon", "dns_lenet300100"):
        save_golden(model(name), path, engine=caffe)
        found = verify_golden(model(name), path, engine=opencv, expect="exact")
        assert found, found.reasons
        assert 0 < found.error < 1e-4
        assert found.engine == "opencv"
        assert found.inputs == f"8 random samples, seed 0, golden file {path}"
    sparse = verify_golden(model("dns_lenet300100 sparse"), path, engine=opencv, expect="exact")
    assert not sparse


def test_what_was_written_is_read(saved: Golden, tmp_path: Path) -> None:
    read = read_golden(tmp_path / "golden.npz")
    assert read.inputs.sha256 == saved.inputs.sha256
    np.testing.assert_array_equal(read.inputs.labels, [4, 0, 2])
    assert read.inputs.description == "mine"
    assert (read.size, read.kinds, read.noise) == (saved.size, saved.kinds, saved.noise)
    assert (read.engine, read.model) == (saved.engine, saved.model)
    for ours, theirs in zip(saved.runs, read.runs):
        np.testing.assert_array_equal(ours["fc7"], theirs["fc7"])


def test_labels_give_accuracy(saved: Golden, opencv: str, tmp_path: Path) -> None:
    found = verify_golden(two_layers(), tmp_path / "golden.npz", engine=opencv, expect="exact")
    assert found
    right = (saved.runs[0]["fc7"].argmax(axis=1) == [4, 0, 2]).mean()
    assert found.accuracy.before == found.accuracy.after == right


def test_several_runs(opencv: str, tmp_path: Path) -> None:
    text = declared("data", 2, 3) + layer("Softmax", "data", "prob", "softmax_param { axis: 0 }")
    model = make_model(text, {})
    inputs = Inputs({"data": np.random.default_rng(0).normal(size=(5, 3))})
    golden = save_golden(model, tmp_path / "golden.npz", inputs=inputs, engine=opencv)
    # Two, two and one, as the net lets no other batch in.
    assert [run["prob"].shape for run in golden.runs] == [(2, 3), (2, 3), (1, 3)]
    assert verify_golden(model, tmp_path / "golden.npz", engine=opencv, expect="exact")


def test_numpy_alone_reads_it(saved: Golden, tmp_path: Path) -> None:
    with np.load(tmp_path / "golden.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["golden", "inputs/data", "labels", "outputs/fc7/0"]
        facts = json.loads(str(archive["golden"]))
        np.testing.assert_array_equal(archive["outputs/fc7/0"], saved.runs[0]["fc7"])
    assert facts["engine"][0] == "opencv"
    assert len(facts["model_sha256"]["weights"]) == 64
    assert facts["outputs"]["fc7"]["noise"]["error"] < 1e-6


def test_real_caffes_old_python_reads_it(saved: Golden, caffe_python: str, tmp_path: Path) -> None:
    script = "import numpy, sys; print(numpy.load(sys.argv[1])['outputs/fc7/0'].shape)"
    run = [caffe_python, "-c", script, str(tmp_path / "golden.npz")]
    assert subprocess.check_output(run, text=True).strip() == "(3, 5)"


def test_the_same_model_gives_the_same_bytes(opencv: str, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_golden(two_layers(), tmp_path / name, engine=opencv)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_model_with_another_output(opencv: str, tmp_path: Path) -> None:
    save_golden(two_layers(), tmp_path / "golden.npz", engine=opencv)
    text = declared("data", 1, 3, 4, 4) + layer("Softmax", "data", "prob")
    found = verify_golden(make_model(text, {}), tmp_path / "golden.npz", engine=opencv)
    assert found.unmatched == ("fc7", "prob")
    assert found.reasons[0] == "output 'fc7' is gone in the second net"


def test_a_model_with_other_inputs(saved: Golden, opencv: str, tmp_path: Path) -> None:
    text = declared("image", 1, 3, 4, 4) + layer("Softmax", "image", "fc7")
    with pytest.raises(VerificationError, match=r"inputs are \['image'\]"):
        verify_golden(make_model(text, {}), tmp_path / "golden.npz", engine=opencv)


Broken = Callable[[dict[str, Any], dict[str, np.ndarray]], Any]

BROKEN: dict[str, Broken] = {
    "no facts": lambda facts, arrays: arrays.pop("golden"),
    "facts that are no JSON": lambda facts, arrays: arrays.update(golden=np.array("{")),
    "facts that are a list": lambda facts, arrays: arrays.update(golden=np.array("[]")),
    "facts that are numbers": lambda facts, arrays: arrays.update(golden=np.zeros(3)),
    "deep facts": lambda facts, arrays: arrays.update(golden=np.array("[" * 100_000)),
    "a format of the future": lambda facts, arrays: facts.update(format=2),
    "no inputs": lambda facts, arrays: arrays.pop("inputs/data"),
    "inputs of text": lambda facts, arrays: arrays.update({"inputs/data": np.array(["a"] * 3)}),
    "inputs without axes": lambda facts, arrays: arrays.update({"inputs/data": np.array(1.0)}),
    "a missing output": lambda facts, arrays: arrays.pop("outputs/fc7/0"),
    "outputs of text": lambda facts, arrays: arrays.update({"outputs/fc7/0": np.array(["a"])}),
    "too few labels": lambda facts, arrays: arrays.update(labels=np.zeros(2, dtype=int)),
    "no samples at once": lambda facts, arrays: facts.update(samples_at_once=0),
    "no number of samples": lambda facts, arrays: facts.update(samples_at_once="many"),
    "endless samples": lambda facts, arrays: facts.update(samples_at_once=1e999),
    "an unknown kind": lambda facts, arrays: facts["outputs"]["fc7"].update(kind="colors"),
    "endless noise": lambda facts, arrays: facts["outputs"]["fc7"]["noise"].update(error=1e999),
    "no noise": lambda facts, arrays: facts["outputs"]["fc7"].pop("noise"),
    "an engine without a version": lambda facts, arrays: facts.update(engine=["caffe"]),
    "outputs that are a list": lambda facts, arrays: facts.update(outputs=["fc7"]),
}


def rewrite(path: Path, change: Broken) -> None:
    """Change the facts or the arrays of a golden file."""
    with np.load(path) as archive:
        arrays = dict(archive)
    before = str(arrays["golden"])
    facts = json.loads(before)
    change(facts, arrays)
    if facts != json.loads(before):
        arrays["golden"] = np.array(json.dumps(facts))
    np.savez(path, **arrays)


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_hostile_golden_files(change: Broken, saved: Golden, tmp_path: Path) -> None:
    rewrite(tmp_path / "golden.npz", change)
    with pytest.raises(FormatError, match=r"golden\.npz: not a golden file"):
        read_golden(tmp_path / "golden.npz")


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -30])
def test_truncated_golden_files(keep: int, saved: Golden, tmp_path: Path) -> None:
    path = tmp_path / "golden.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match=r"golden\.npz"):
        read_golden(path)


def test_pickles_are_refused(saved: Golden, tmp_path: Path) -> None:
    path = tmp_path / "golden.npz"
    np.savez(path, golden=np.array([{"format": 1}], dtype=object))
    with pytest.raises(FormatError, match=r"golden\.npz"):
        read_golden(path)


def test_an_output_that_is_not_what_the_file_says(
    saved: Golden, opencv: str, tmp_path: Path
) -> None:
    def lie(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        facts["outputs"]["fc7"]["kind"] = "detections"
        del arrays["labels"]

    rewrite(tmp_path / "golden.npz", lie)
    found = verify_golden(two_layers(), tmp_path / "golden.npz", engine=opencv)
    assert not found
    assert "output 'fc7' has shape (3, 5)" in found.reasons[0]


def test_more_samples_at_once_than_there_are(saved: Golden, opencv: str, tmp_path: Path) -> None:
    rewrite(tmp_path / "golden.npz", lambda facts, arrays: facts.update(samples_at_once=10**9))
    with pytest.raises(FormatError, match="does not take 1000000000 samples at once"):
        verify_golden(two_layers(), tmp_path / "golden.npz", engine=opencv)
