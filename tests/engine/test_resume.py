"""Real Caffe runs only what has not run yet, and answers as if it had run all."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable, Dict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from netsurgery.engine import workers
from netsurgery.engine.caffe import Caffe

CHAIN = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
            inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 1 } } }
    layer { name: "t" type: "TanH" bottom: "a" top: "t" }
    layer { name: "b" type: "InnerProduct" bottom: "t" top: "b"
            inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 1 } } }
    layer { name: "c" type: "InnerProduct" bottom: "b" top: "c"
            inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 1 } } }
    layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "c" top: "sum" }
"""
IN_PLACE = CHAIN.replace('top: "t"', 'top: "a"').replace('bottom: "t"', 'bottom: "a"')
SHARED = CHAIN.replace('name: "a" type', 'name: "a" param { name: "w" } type').replace(
    'name: "c" type', 'name: "c" param { name: "w" } type'
)
NETS = {"chain": CHAIN, "in place": IN_PLACE, "shared": SHARED}
BLOBS = ("a", "b", "c", "sum")

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "net.prototxt"
        path.write_text(text)
        return path

    return written


def run_anew(
    caffe: Caffe, path: Path, weights: Path, parameters: Dict, inputs: Dict, blob: str
) -> np.ndarray:
    with caffe.open(path, weights) as fresh:
        fresh.set_parameters(parameters)
        return fresh.forward(inputs, [blob])[blob]


@pytest.mark.parametrize("net", NETS)
@given(data=st.data())
@settings(
    max_examples=3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_answers_are_those_of_a_whole_run(
    caffe: Caffe, write: Write, net: str, data: st.DataObject
) -> None:
    path = write(NETS[net])
    weights = path.with_name("net.caffemodel")
    steps = st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.sampled_from(BLOBS))
    with caffe.open(path) as session:
        session.save(weights)
        parameters: Dict = {}
        for layer, seed, blob in data.draw(st.lists(steps, min_size=2, max_size=6)):
            random = np.random.default_rng(seed)
            inputs = {"data": random.normal(size=(2, 3)).astype(np.float32)}
            if data.draw(st.booleans()):
                new = random.normal(size=(3, 3)).astype(np.float32)
                bias = session.parameters()[layer][1:]
                parameters.pop(layer, None)  # the last of those that share counts
                parameters[layer] = [new, *bias]
                session.set_parameters({layer: parameters[layer]})
            expected = run_anew(caffe, path, weights, parameters, inputs, blob)
            np.testing.assert_array_equal(session.forward(inputs, [blob])[blob], expected)


WATCHED = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from caffe_worker import CaffeWorker

worker = CaffeWorker()
worker.open([], sys.argv[2], None, "TEST")
ran = []

class Watched(object):
    def __getattr__(self, name):
        return getattr(net, name)
    def _forward(self, first, last):
        ran.append([first, last])
        return net._forward(first, last)

net, worker.net = worker.net, Watched()
inputs = [np.ones((2, 3), np.float32)]
worker.forward(inputs, ["data"], ["b"], [False])
worker.forward(inputs, ["data"], ["a"], [False])
worker.forward(inputs, ["data"], ["sum"], [False])
doubled = [2 * blob.data.ravel() for blob in net.params["c"]]
worker.set_parameters(doubled, [["c", number, 0] for number in range(len(doubled))])
worker.forward(inputs, ["data"], ["sum"], [False])
worker.forward([], None, ["sum"], [False])
worker.forward([2 * inputs[0]], ["data"], ["a"], [False])
sys.stderr.write("ran %s" % ran)
"""


def test_only_what_changed_runs_again(caffe_python: str, write: Write) -> None:
    """Of these layers: as far as b, on from there, and again from c."""
    command = [caffe_python, "-c", WATCHED, str(Path(workers.__file__).parent), str(write(CHAIN))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    layers = ["data", "a", "split of a", "t", "b", "c", "sum"]
    a, b, c, end = (layers.index(name) for name in ("a", "b", "c", "sum"))
    expected = [[0, b], [b + 1, end], [c, end], [0, a]]
    assert done.stderr.splitlines()[-1] == f"ran {expected}"


def test_a_python_layer_runs_each_time(caffe_python: str, write: Write, tmp_path: Path) -> None:
    (tmp_path / "counting_layer.py").write_text(
        "import caffe\n"
        "class Count(caffe.Layer):\n"
        "    def setup(self, bottom, top): self.runs = 0\n"
        "    def reshape(self, bottom, top): top[0].reshape(*bottom[0].data.shape)\n"
        "    def forward(self, bottom, top):\n"
        "        self.runs += 1\n"
        "        top[0].data[...] = self.runs\n"
        "    def backward(self, top, propagate_down, bottom): pass\n"
    )
    text = """
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } }
        layer { name: "count" type: "Python" bottom: "data" top: "count"
                python_param { module: "counting_layer" layer: "Count" } }
    """
    inputs = {"data": np.zeros((1, 2), np.float32)}
    with Caffe(caffe_python, pythonpath=[tmp_path]).open(write(text)) as session:
        seen = [session.forward(inputs)["count"][0, 0] for _ in range(3)]
    assert seen == [1, 2, 3]
