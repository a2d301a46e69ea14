from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_models import decaying, make_model

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import open_weights
from netsurgery.network.model import load

SCRIPT = Path(__file__).parents[2] / "scripts" / "compress_net.py"

NET = """
input: "pool5" input_shape { dim: 2 dim: 40 }
layer { name: "fc6" type: "InnerProduct" bottom: "pool5" top: "fc6"
        inner_product_param { num_output: 30 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7"
        inner_product_param { num_output: 20 } }
layer { name: "cls_score" type: "InnerProduct" bottom: "fc7" top: "cls_score"
        inner_product_param { num_output: 5 } }
"""
NET_SVD = """
input: "pool5" input_shape { dim: 2 dim: 40 }
layer { name: "fc6_L" type: "InnerProduct" bottom: "pool5" top: "fc6_L"
        inner_product_param { num_output: 7 bias_term: false } }
layer { name: "fc6_U" type: "InnerProduct" bottom: "fc6_L" top: "fc6_U"
        inner_product_param { num_output: 30 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6_U" top: "fc6_U" }
layer { name: "fc7_L" type: "InnerProduct" bottom: "fc6_U" top: "fc7_L"
        inner_product_param { num_output: 4 bias_term: false } }
layer { name: "fc7_U" type: "InnerProduct" bottom: "fc7_L" top: "fc7_U"
        inner_product_param { num_output: 20 } }
layer { name: "cls_score" type: "InnerProduct" bottom: "fc7_U" top: "cls_score"
        inner_product_param { num_output: 5 } }
"""
# What Fast R-CNN's script does, written down anew: two nets, LAPACK's SVD, net.save.
PEER = """
import sys
import caffe
import numpy as np
original, compressed, weights, output = sys.argv[1:]
net = caffe.Net(original, weights, caffe.TEST)
small = caffe.Net(compressed, weights, caffe.TEST)
for name in ("fc6", "fc7"):
    rank = small.params[name + "_L"][0].data.shape[0]
    u, s, v = np.linalg.svd(net.params[name][0].data, full_matrices=False)
    small.params[name + "_L"][0].data[...] = np.diag(s[:rank]).dot(v[:rank])
    small.params[name + "_U"][0].data[...] = u[:, :rank]
    small.params[name + "_U"][1].data[...] = net.params[name][1].data
small.save(output)
"""


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    model = make_model(
        NET,
        {
            "fc6": [decaying(30, 40, 1), random.normal(size=30)],
            "fc7": [decaying(20, 30, 2), random.normal(size=20)],
            "cls_score": [decaying(5, 20, 3), random.normal(size=5)],
        },
    )
    model.save(tmp_path / "test.prototxt", tmp_path / "vgg.caffemodel")
    (tmp_path / "svd.prototxt").write_text(NET_SVD)
    return tmp_path


def test_the_weights_are_those_of_the_original_script(folder: Path, caffe_python: str) -> None:
    net = folder / "vgg.caffemodel"
    done = run(
        "--def", folder / "test.prototxt", "--def-svd", folder / "svd.prototxt", "--net", net
    )
    assert done.returncode == 0, done.stderr
    ours = open_weights(folder / "vgg_svd_fc6_7_fc7_4.caffemodel")
    peer = [folder / "test.prototxt", folder / "svd.prototxt", net, folder / "peer.caffemodel"]
    subprocess.run([caffe_python, "-c", PEER, *peer], check=True, capture_output=True)
    theirs = open_weights(folder / "peer.caffemodel")
    for name in ("fc6", "fc7", "cls_score"):
        pieces = [f"{name}_L", f"{name}_U"] if name != "cls_score" else [name]
        for piece in pieces:
            for mine, other in zip(ours.blobs(piece), theirs.blobs(piece)):
                # Singular vectors have no sign of their own; float32 LAPACK against float64.
                assert np.allclose(np.abs(mine.array()), np.abs(other.array()), atol=2e-6), piece
        if len(pieces) == 2:
            product, expected = (
                w.blobs(pieces[1])[0].array() @ w.blobs(pieces[0])[0].array()
                for w in (ours, theirs)
            )
            assert np.allclose(product, expected, atol=2e-6)


def test_without_the_compressed_prototxt_it_is_written(folder: Path) -> None:
    done = run(
        *("--def", folder / "test.prototxt", "--net", folder / "vgg.caffemodel"),
        *("--rank", "fc6=7", "--rank", "fc7=4"),
    )
    assert done.returncode == 0, done.stderr
    made = load(folder / "test_svd.prototxt", folder / "vgg_svd_fc6_7_fc7_4.caffemodel")
    names = [layer.name for layer in made.prototxt.layers]
    assert names == ["fc6_L", "fc6_U", "relu6", "fc7_L", "fc7_U", "cls_score"]
    assert all(str(path) in done.stdout for path in (made.prototxt.file, made.weights.file))


def test_a_misspelt_pair_is_refused_and_nothing_written(folder: Path) -> None:
    text = NET_SVD.replace('name: "fc6_L"', 'name: "fc6L"')
    (folder / "svd.prototxt").write_text(text)
    before = sorted(folder.iterdir())
    arguments = ["--def", folder / "test.prototxt", "--net", folder / "vgg.caffemodel"]
    done = run(*arguments, "--def-svd", folder / "svd.prototxt")
    assert done.returncode == 2
    assert done.stderr == (
        f"compress_net.py: {folder}/svd.prototxt: there is no InnerProduct layer 'fc6_L'\n"
    )
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("num_output: 7 bias_term: false", "num_output: 7", "must have bias_term: false"),
        ("num_output: 30", "num_output: 31", "num_output is 31, that of 'fc6' is 30"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused(
    folder: Path, old: str, new: str, complaint: str
) -> None:
    (folder / "svd.prototxt").write_text(NET_SVD.replace(old, new))
    Prototxt.read(folder / "svd.prototxt")
    arguments = ["--def", folder / "test.prototxt", "--net", folder / "vgg.caffemodel"]
    done = run(*arguments, "--def-svd", folder / "svd.prototxt")
    assert done.returncode == 2
    assert complaint in done.stderr


def test_without_arguments_it_prints_its_help_and_fails() -> None:
    done = run()
    assert done.returncode == 1
    assert "--def-svd" in done.stdout
