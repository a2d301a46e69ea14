from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from netsurgery.formats.weights import Blob, LayerWeights
from netsurgery.network.model import Model, load


@pytest.fixture
def moved(pair, tmp_path) -> tuple[Path, Path]:
    """The pair with a bias of fc7 moved a little."""
    model = load(*pair)
    weights, bias = (blob.array() for blob in model.blobs("fc7"))
    change = LayerWeights("fc7", None, (Blob.of(weights), Blob.of(bias + np.eye(5)[0] * 1e-3)))
    paths = tmp_path / "moved.prototxt", tmp_path / "moved.caffemodel"
    Model(model.prototxt, model.weights.replace({"fc7": [change]})).save(*paths)
    return paths


def test_a_model_equals_itself(netsurgery, pair, caffe_python) -> None:
    done = netsurgery("verify", *pair, *pair, "--expect", "exact")
    assert done.status == 0
    assert "passed" in done.out


def test_a_small_change_fails_exact_and_passes_with_the_number_that_is_printed(
    netsurgery, pair, moved, caffe_python
) -> None:
    assert netsurgery("verify", *pair, *moved, "--expect", "exact").status == 1
    done = netsurgery("verify", *pair, *moved, "--max-error", "1e-9")
    assert done.status == 1
    assert "FAILED" in done.out
    enough = done.out.split("would pass with max error ")[1].split()[0]
    assert netsurgery("verify", *pair, *moved, "--max-error", enough).status == 0


def test_json_holds_the_verdict(netsurgery, pair, moved, caffe_python) -> None:
    done = netsurgery("verify", *pair, *moved, "--expect", "exact", "--json")
    printed = json.loads(done.out)
    assert done.status == 1
    assert printed["passed"] is False
    assert printed["would_pass"]["max_error"] > 0


def test_what_one_run_saved_checks_another(netsurgery, pair, moved, tmp_path, caffe_python) -> None:
    golden = tmp_path / "golden.npz"
    assert netsurgery("verify", *pair, "--save-golden", golden).status == 0
    assert netsurgery("verify", *pair, "--golden", golden, "--expect", "exact").status == 0
    assert netsurgery("verify", *moved, "--golden", golden, "--expect", "exact").status == 1


@pytest.mark.parametrize(
    ("count", "options", "complaint"),
    [
        (1, [], "give two prototxts, each with weights"),
        (2, ["--golden", "g.npz"], "give a prototxt and its weights"),
        (1, ["--golden", "g.npz", "--save-golden", "h.npz"], "contradict each other"),
        (1, ["--golden", "none.npz"], "none.npz"),
        (2, ["--blobs", "fc9"], "fc9"),
        (2, ["--engine", "caffe", "--caffe-python", "/no/python"], "/no/python"),
    ],
)
def test_mistakes_get_one_line(
    netsurgery, pair, count: int, options: list, complaint: str, caffe_python
) -> None:
    done = netsurgery("verify", *pair * count, *options)
    assert done.status == 2
    assert complaint in done.err
    assert "Traceback" not in done.err


def test_labels_may_need_to_be_told_whose_they_are(
    netsurgery, zoo: Path, tmp_path: Path, caffe_python
) -> None:
    folder = zoo / "mtcnn_det4_lnet"
    pair = folder / "deploy.prototxt", folder / "det4.caffemodel"
    inputs = tmp_path / "inputs.npz"
    random = np.random.default_rng(0)
    np.savez(inputs, data=random.normal(size=(4, 15, 24, 24)), labels=[0, 1, 0, 1])
    done = netsurgery("verify", *pair, *pair, "--inputs", inputs)
    assert done.status == 2
    assert "output" in done.err
    done = netsurgery("verify", *pair, *pair, "--inputs", inputs, "--task-output", "fc5_1")
    assert done.status == 0, done.err
    assert "accuracy of 'fc5_1' on 4 labels" in done.out
