"""What models compute in real Caffe."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import numpy as np

from netsurgery.engine import engine
from netsurgery.network.model import Model

Outputs = Dict[str, np.ndarray]


def run(model: Model, folder: Path, caffe_python: str) -> Outputs:
    """The outputs of a model for normally distributed inputs, always the same."""
    paths = model.save(folder / "deploy.prototxt", folder / "net.caffemodel")
    with engine("caffe", python=caffe_python).open(*paths) as session:
        random = np.random.default_rng(7)
        given = {name: random.normal(size=shape) for name, shape in session.inputs.items()}
        return session.forward(given)


def assert_equal(expected: Outputs, found: Outputs, noise: float) -> None:
    """See that two models compute the same, up to a share of each output's largest number."""
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        error = np.abs(found[name] - array).max() / np.abs(array).max()
        assert error < noise, (name, error)
