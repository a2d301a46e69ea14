"""The model in the repository is as good as its README says, by real Caffe's own word."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import open_weights

DIGITS = Path(__file__).resolve().parent.parent / "examples" / "digits"
README = (DIGITS / "README.md").read_text(encoding="utf-8")


def stated(label: str) -> str:
    """The last cell of the README's row that starts with ``label``."""
    row = re.search(rf"^\| {re.escape(label)}.*\| (.+) \|$", README, re.MULTILINE)
    assert row, label
    return row.group(1)


def test_real_caffe_gives_the_stated_accuracy(caffe_python: str) -> None:
    run = subprocess.run(
        [caffe_python, "accuracy.py", "deploy.prototxt", "digits.caffemodel"],
        cwd=DIGITS,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    accuracy = stated("accuracy on the 450 held-out digits")
    assert run.stdout == f"accuracy {accuracy}\n"
    assert float(accuracy.split()[0]) >= 0.97


def test_sizes_are_as_stated() -> None:
    weights = open_weights(DIGITS / "digits.caffemodel")
    params = sum(blob.count for layer in weights.layers for blob in layer.blobs)
    assert stated("parameters") == str(params)
    size = (DIGITS / "digits.caffemodel").stat().st_size
    assert stated("`digits.caffemodel` ") == f"{size} bytes"


@pytest.mark.parametrize("layer", ["fc3", "fc4", "fc5"])
def test_ranks_are_as_stated(layer: str) -> None:
    matrix = open_weights(DIGITS / "digits.caffemodel").blobs(layer)[0].array(np.float64)
    matrix = matrix.reshape(matrix.shape[-2:])
    energy = np.cumsum(np.linalg.svd(matrix, compute_uv=False) ** 2)
    ranks = [int(np.searchsorted(energy, share * energy[-1])) + 1 for share in (0.9, 0.99)]
    rows, columns = matrix.shape
    share = f"{matrix.size / int(stated('parameters')):.0%}".replace("%", " %")
    cells = [f"`{layer}`", f"{rows} x {columns}", share, min(rows, columns), *ranks]
    assert f"| {' | '.join(map(str, cells))} |\n" in README


def test_deploy_and_train_val_are_one_net() -> None:
    deploy, train_val = (
        {layer.name: layer.text for layer in Prototxt.read(DIGITS / name).layers}
        for name in ("deploy.prototxt", "train_val.prototxt")
    )
    assert set(deploy) - set(train_val) == {"prob"}
    assert set(train_val) - set(deploy) == {"loss", "accuracy"}
    for name in set(deploy) & set(train_val) - {"data"}:
        assert deploy[name] == train_val[name]


def test_held_out_digits_are_what_the_net_takes() -> None:
    held_out = np.load(DIGITS / "held_out.npz")
    assert held_out["data"].shape == (450, 1, 8, 8)
    assert held_out["data"].dtype == np.float32
    assert (held_out["data"].min(), held_out["data"].max()) == (0, 1)
    assert sorted(set(held_out["labels"])) == list(range(10))


def test_data_are_made_again_and_held_out_digits_are_not_trained_on(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("sklearn")
    shutil.copy(DIGITS / "make_data.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_data.py"], check=True)
    for name in ("train.npz", "held_out.npz"):
        again, kept = np.load(tmp_path / name), np.load(DIGITS / name)
        np.testing.assert_array_equal(again["data"], kept["data"])
        np.testing.assert_array_equal(again["labels"], kept["labels"])
    with h5py.File(tmp_path / "train.h5") as train:
        trained_on = {image.tobytes() for image in train["data"][:]}
    assert len(trained_on) == 1347
    assert not trained_on & {image.tobytes() for image in kept["data"]}
