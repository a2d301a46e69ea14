from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_shapes import blob_shapes, blobs_of_layers
from zoo_index import Pair, pairs

from netsurgery.network.graph import Layer, Network
from netsurgery.network.inplace import take_apart
from netsurgery.network.model import load
from netsurgery.network.shapes import infer_shapes

OPENCV = Path(__file__).with_name("opencv_worker.py")


def test_shapes_and_blobs_are_those_of_caffe(ask_caffe, zoo):
    checked = 0
    for pair in pairs(zoo):
        if not pair.caffe:
            continue
        caffe = ask_caffe(pair.prototxt, weights=pair.weights)
        network = load(pair.prototxt, pair.weights).network()
        shapes = blob_shapes(network)
        real = {name: shape for name, shape in caffe["blobs"] if name in shapes}
        assert real == shapes, pair
        assert blobs_of_layers(network) == caffe["params"], pair
        assert [value.blob for value in network.inputs] == caffe["inputs"]
        assert [value.blob for value in network.outputs] == caffe["outputs"]
        checked += 1
    assert checked > 25


def test_nets_taken_apart_give_the_same_outputs_in_caffe(ask_caffe, zoo, tmp_path):
    checked = 0
    for pair in pairs(zoo):
        network = load(pair.prototxt).network()
        if not pair.caffe or not network.inputs:
            continue
        path = tmp_path / "apart.prototxt"
        path.write_bytes(take_apart(network).prototxt.data)
        outputs = []
        for prototxt in (pair.prototxt, path):
            caffe = ask_caffe(prototxt, weights=pair.weights, forward=5, keep=tmp_path)
            names = [name for name, _ in caffe["blobs"]]
            outputs.append([np.load(tmp_path / f"{names.index(n)}.npy") for n in caffe["outputs"]])
        assert len(outputs[0]) == len(outputs[1]) > 0
        for before, after in zip(*outputs):
            np.testing.assert_array_equal(before, after, str(pair))
        checked += 1
    assert checked > 25


def test_opencv_shows_every_value_and_its_inferred_shape(ask_caffe, zoo, tmp_path):
    pytest.importorskip("cv2")
    cases = {pair.prototxt: pair for pair in pairs(zoo) if pair.opencv}
    networks = {path: load(path).network() for path in cases}
    files = {path: tmp_path / f"{number}" for number, path in enumerate(cases)}
    lines = [prepare(cases[path], networks[path], files[path]) for path in cases]
    subprocess.run([sys.executable, str(OPENCV)], input="".join(lines), text=True, check=True)
    for path, pair in cases.items():
        values = np.load(files[path].with_suffix(".out.npz"))
        check_shapes(networks[path], values)
        if pair.caffe:
            apart = files[path].with_suffix(".prototxt")
            caffe = ask_caffe(apart, weights=pair.weights, forward=5, keep=tmp_path)
            real = {name: tmp_path / f"{i}.npy" for i, (name, _) in enumerate(caffe["blobs"])}
            check_values(networks[path], values, real)
    assert len(cases) > 20


def prepare(pair: Pair, network: Network, files: Path) -> str:
    """Write what the OpenCV worker needs, with the inputs that the Caffe worker makes up."""
    prototxt, inputs, out = (files.with_suffix(e) for e in (".prototxt", ".npz", ".out.npz"))
    prototxt.write_bytes(take_apart(network).prototxt.data)
    shapes, random = infer_shapes(network), np.random.RandomState(5)
    np.savez(inputs, **{v.blob: np.float32(random.rand(*shapes[v])) for v in network.inputs})
    return json.dumps([str(path) for path in (prototxt, pair.weights, inputs, out)]) + "\n"


def opencv_name(layer: Layer, names) -> str:
    """OpenCV calls a convolution by its top, and every other layer by its name."""
    return names[layer.tops[0]] if layer.type == "Convolution" else layer.name


def check_shapes(network: Network, values) -> None:
    shapes, names = infer_shapes(network), take_apart(network).names
    for layer in network.layers:
        for number, top in enumerate(layer.tops):
            if layer.type not in ("Input", "Dropout") and shapes[top] is not None:
                found = values[f"{opencv_name(layer, names)}:{number}"]
                assert tuple(found) == shapes[top], layer


def check_values(network: Network, values, real) -> None:
    names = take_apart(network).names
    for layer in network.layers:
        if layer.type not in ("Input", "Dropout") and len(layer.tops) == 1:
            expected = np.load(real[names[layer.tops[0]]])
            # Sums of a few thousand float32 products, in another order.
            tolerance = 1e-4 * np.abs(expected).max()
            found = values[opencv_name(layer, names)]
            np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0)
