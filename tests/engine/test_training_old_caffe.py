"""Caffes that lack some of what the trainer asks for: refused, or used with what that costs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from training_nets import batches, files_in, opened, solver_text

from netsurgery.engine.caffe import Caffe
from netsurgery.errors import EngineError

# As much of pycaffe as of early 2017 has: no seeds, no rates. Its only solver adds 1 to one weight.
YOUNG_CAFFE = """
import os
import numpy as np

class Blob(object):
    def __init__(self, *shape):
        self.data, self.diff = np.zeros(shape, np.float32), np.ones(shape, np.float32)

class Layer(object):
    def __init__(self, type, *blobs):
        self.type, self.blobs = type, blobs

class Net(object):
    inputs = ["data", "label", "drawn"]
    _layer_names = ["random", "one"]
    top_names = {"random": ["drawn"]}
    def __init__(self):
        self.blobs = {"data": Blob(6, 10), "label": Blob(6), "loss": Blob(), "accuracy": Blob()}
        self.params = {"one": [Blob(2, 2)]}
        self.layers = [Layer("DummyData"), Layer("InnerProduct", *self.params["one"])]
    def copy_from(self, path):
        pass
    def before_forward(self, function):
        self.before = function

class Parameter(object):
    base_lr = property(lambda self: 0.25)

class Solver(object):
    iter = 0
    param = Parameter()
    def __init__(self):
        self.net = Net()
    def add_callback(self, start, ready):
        self.start, self.ready = start, ready
    def step(self, count):
        for _ in range(count):
            self.start()
            for layer in range(3):
                self.net.before(layer)
            self.net.blobs["loss"].data[...] = self.net.blobs["data"].data.sum()
            self.ready()
            self.net.params["one"][0].data += self.net.params["one"][0].diff
            self.iter += 1

def get_solver(path):
    assert "snapshot_prefix" in open(path).read()
    return Solver()
"""


def caffe_of(folder: Path, text: str) -> Caffe:
    (folder / "caffe.py").write_text(text)
    return Caffe(sys.executable, [folder])


@pytest.mark.parametrize(
    ("missing", "lacks"),
    [
        ("def get_solver", "get_solver"),
        ("def add_callback", "Solver.add_callback"),
        ("def before_forward", "Net.before_forward"),
    ],
)
def test_a_caffe_that_cannot_be_driven_says_what_it_lacks(
    tmp_path: Path, missing: str, lacks: str
) -> None:
    old = caffe_of(tmp_path, YOUNG_CAFFE.replace(missing, "def other"))
    said = f"train.prototxt: this Caffe has no {lacks}, which training needs; use BVLC Caffe of"
    with pytest.raises(EngineError, match=said):
        opened(old, files_in(tmp_path))


def test_a_caffe_without_seeds_and_rates_trains_and_says_so(tmp_path: Path) -> None:
    fixed = solver_text().changed({"lr_policy": "fixed", "stepvalue": None})
    young = caffe_of(tmp_path, YOUNG_CAFFE)
    with opened(young, files_in(tmp_path, fixed, test=None)) as session:
        assert list(session.inputs) == ["data", "label"]
        assert session.notes == (
            "This Caffe sets no random seed: a net with Dropout does not resume bit for bit.",
        )
        session.set_masks({("one", 0): np.array([[True, False], [True, True]])})
        given = batches(0, 3)
        found = session.step(given)
        sums = [batch["data"].sum() for batch in given]
        # In another order of numpy's.
        assert found.blobs["loss"] == pytest.approx(np.array(sums), rel=1e-5)
        assert np.isnan(found.rates).all()
        np.testing.assert_array_equal(session.parameters()["one"][0], [[3, 0], [3, 3]])
        with pytest.raises(EngineError, match="cannot change the learning rate of a running"):
            session.set_rate(0.5)


def test_a_rate_that_is_not_taken_is_refused(tmp_path: Path) -> None:
    """Where the parameters are a copy, what is set is lost without a word."""
    text = YOUNG_CAFFE.replace("base_lr = property(lambda self: 0.25)", "base_lr = 0.25").replace(
        "param = Parameter()", "param = property(lambda self: Parameter())"
    )
    with opened(caffe_of(tmp_path, text), files_in(tmp_path, test=None)) as session:
        with pytest.raises(EngineError, match="cannot change the learning rate"):
            session.set_rate(0.5)
        # Of `multistep`, worked out from what the solver says.
        assert session.step(batches(0, 5)).rates == pytest.approx([0.25] * 4 + [0.125])
