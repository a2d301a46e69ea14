"""Files that are not what they should be get one line, and nothing is written."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from netsurgery.formats.weights import Blob, LayerWeights, open_weights
from netsurgery.network.model import load


def _zip(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights", b"\0" * 100)
    return path.read_bytes()


SPOILT: dict[str, tuple[Callable[[bytes, Path], bytes], str]] = {
    "empty": (lambda data, path: b"", "empty file"),
    "cut": (lambda data, path: data[:-100], "damaged or cut"),
    "html": (lambda data, path: b"<!DOCTYPE html><html>", "HTML page"),
    "lfs": (lambda data, path: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "gzip": (lambda data, path: gzip.compress(data), "gzip"),
    "zip": (lambda data, path: _zip(path), "zip"),
    "joined": (lambda data, path: data + data, "joined"),
    "zeros": (lambda data, path: bytes(1000), "caffemodel"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_spoilt_weights(netsurgery, pair, tmp_path, kind: str) -> None:
    spoil, complaint = SPOILT[kind]
    data = spoil(pair[1].read_bytes(), tmp_path / "scratch")
    pair[1].write_bytes(data)
    refused(netsurgery, pair, tmp_path, complaint)


def test_a_file_cut_between_two_layers(netsurgery, pair, tmp_path) -> None:
    end = open_weights(pair[1]).find("fc6")[0].extent.stop
    pair[1].write_bytes(pair[1].read_bytes()[:end])
    refused(netsurgery, pair, tmp_path, "the file was cut between two layers")


def test_weights_that_are_not_finite(netsurgery, pair, tmp_path) -> None:
    spoil(pair, lambda array: array * np.nan)
    refused(netsurgery, pair, tmp_path, "NaN")


def test_masks_as_further_blobs(netsurgery, zoo: Path, tmp_path) -> None:
    folder = zoo / "autopruning_lenet"
    files = folder / "deploy.prototxt", folder / "pruning_iter_35000.caffemodel"
    refused(netsurgery, files, tmp_path, "2 blobs, but 3 in the weights")


def test_files_that_do_not_belong_together(netsurgery, zoo: Path, tmp_path) -> None:
    folder = zoo / "mtcnn_cholihao_det2"
    files = folder / "deploy.prototxt", folder / "det2.caffemodel"
    refused(netsurgery, files, tmp_path, "prototxt and weights do not belong together")


def test_hdf5_under_a_wrong_name_is_read(netsurgery, pair, tmp_path, caffe_python) -> None:
    netsurgery("convert", pair[1], tmp_path / "net.h5")
    (tmp_path / "net.h5").replace(pair[1])
    done = netsurgery("compress", *pair, "--rank", "fc6=4", "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert open_weights(tmp_path / "out" / pair[1].name).format == "hdf5"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "the file is empty"),
        (b"layer {", "deploy.prototxt:1:7: this block is not closed"),
        (b"net: 'train.prototxt'\nbase_lr: 0.1\n", "solver"),
        (b"layer { name: 'a' " * 200_000, "nested deeper than 100"),
        (b"layer { name: 'a' }\nlayers { name: 'b' }", "deploy.prototxt:2:1"),
    ],
)
def test_spoilt_prototxts(netsurgery, pair, tmp_path, text: bytes, complaint: str) -> None:
    pair[0].write_bytes(text)
    refused(netsurgery, pair, tmp_path, complaint)


def spoil(pair: tuple[Path, Path], change: Callable[[np.ndarray], np.ndarray]) -> None:
    model = load(*pair)
    weights, bias = (blob.array() for blob in model.blobs("fc6"))
    layer = LayerWeights("fc6", None, (Blob.of(change(weights)), Blob.of(bias)))
    model.weights.replace({"fc6": [layer]}).write(pair[1])


def refused(netsurgery, pair, tmp_path: Path, complaint: str) -> None:
    out = tmp_path / "out"
    done = netsurgery("compress", *pair, "--rank", "InnerProduct=2", "-o", out)
    assert done.status == 2, done.out
    lines = done.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("netsurgery: ")
    assert complaint in lines[0]
    assert not out.exists()
