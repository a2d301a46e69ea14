"""An engine loads the user's own file where a copy of it would take long."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, List, Optional

import numpy as np
import pytest
from small_models import two_layers

from netsurgery import load
from netsurgery.calibration import random_inputs
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import Engine, choose
from netsurgery.engine.caffe import Caffe
from netsurgery.formats import Blob, LayerWeights
from netsurgery.network import Model


@pytest.fixture
def caffe(caffe_python: str) -> Engine:
    return Caffe(caffe_python)


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model of two files, which counts as large."""
    monkeypatch.setattr("netsurgery.calibration.running.LARGE", 1)
    return load(*two_layers().save(tmp_path))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, caffe: Engine) -> List[Any]:
    """The weights files that Caffe is given from now on."""
    files: List[Any] = []
    kind = type(caffe)
    own = kind.open

    def watched(self: Any, prototxt: Any, weights: Any = None, **named: Any) -> Any:
        files.append(weights and os.fspath(weights))
        return own(self, prototxt, weights, **named)

    monkeypatch.setattr(kind, "open", watched)
    return files


def outputs(engine: Engine, model: Model) -> np.ndarray:
    value = model.network().outputs[0]
    (batch,) = random_inputs(model.network(), 3).batches(3)
    with open_model(engine, model) as runner:
        return runner.run(batch, {"out": value})["out"]


def changed(model: Model, layer: str, name: Optional[str] = None) -> Model:
    blobs = [Blob.of(blob.array() + 1) for blob in model.blobs(layer)]
    assert model.weights is not None
    new = LayerWeights(name or layer, None, tuple(blobs))
    return Model(model.prototxt, model.weights.replace({layer: [new]}))


def test_a_file_that_is_as_it_was_is_not_copied(
    caffe: Engine, saved: Model, opened: List[Any]
) -> None:
    found = outputs(caffe, saved)
    assert opened == [saved.weights.file]
    np.testing.assert_array_equal(found, outputs(caffe, two_layers()))


def test_what_was_changed_is_set_when_it_is_open(
    caffe: Engine, saved: Model, opened: List[Any]
) -> None:
    found = outputs(caffe, changed(saved, "fc6"))
    assert opened == [saved.weights.file]
    np.testing.assert_array_equal(found, outputs(caffe, changed(two_layers(), "fc6")))
    assert not np.array_equal(found, outputs(caffe, saved))


def test_a_file_that_was_replaced_is_none_to_load(
    caffe: Engine, saved: Model, opened: List[Any]
) -> None:
    two_layers(seed=7).save(Path(saved.weights.file).parent)
    found = outputs(caffe, saved)
    assert opened != [saved.weights.file]
    np.testing.assert_array_equal(found, outputs(caffe, two_layers()))


def test_a_layer_of_another_shape_needs_a_copy(
    caffe: Engine, saved: Model, opened: List[Any]
) -> None:
    """Caffe would give up on the file, as on that of a thinned net."""
    text = saved.prototxt.data.replace(b"num_output: 5", b"num_output: 3")
    assert text != saved.prototxt.data
    weights, bias = (blob.array()[:3] for blob in saved.blobs("fc7"))
    new = LayerWeights("fc7", None, (Blob.of(weights), Blob.of(bias)))
    thin = Model(type(saved.prototxt).parse(text), saved.weights.replace({"fc7": [new]}))
    assert outputs(caffe, thin).shape == (3, 3)
    assert opened != [saved.weights.file]


def test_an_engine_that_takes_no_parameters_gets_a_copy_of_what_changed(
    opencv: str, saved: Model
) -> None:
    model = changed(saved, "fc6")
    found = outputs(choose(opencv), model)
    np.testing.assert_array_equal(found, outputs(choose(opencv), changed(two_layers(), "fc6")))


def test_small_files_are_copied(caffe: Engine, tmp_path: Path, opened: List[Any]) -> None:
    model = load(*two_layers().save(tmp_path))
    outputs(caffe, model)
    assert opened != [model.weights.file]


def test_pages_that_were_let_go_are_read_again(saved: Model) -> None:
    before = saved.blobs("fc6")[0].array().copy()
    saved.weights.whole_file.let_go()
    np.testing.assert_array_equal(saved.blobs("fc6")[0].array(), before)
