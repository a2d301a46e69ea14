"""What becomes of a model in an engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_engine import FakeEngine
from small_models import two_layers

from netsurgery.calibration import random_inputs
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import choose
from netsurgery.errors import EngineError
from netsurgery.formats.convert import convert_weights
from netsurgery.network.model import Model
from netsurgery.verification import verify


def test_errors_name_no_temporary_file() -> None:
    with pytest.raises(EngineError) as caught, open_model(FakeEngine("fake"), two_layers()):
        pass
    assert (caught.value.file, caught.value.line) == (None, None)


def test_every_value_is_in_reach_and_repeated_samples_are_cut(opencv: str) -> None:
    inputs = random_inputs(two_layers().network(), 3)
    with open_model(choose(opencv), two_layers()) as runner:
        values = {str(value): value for value in runner.network.values}
        *_, last = inputs.batches(2)
        blobs = runner.run(last, {name: values[name] for name in ("fc6", "fc6@1", "fc7")})
    assert blobs["fc6"].min() < 0
    assert blobs["fc6@1"].min() == 0
    assert {name: blob.shape for name, blob in blobs.items()} == {
        "fc6": (1, 32),
        "fc6@1": (1, 32),
        "fc7": (1, 5),
    }


def test_hdf5_weights_run_in_every_engine(engine: str, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model = two_layers()
    hdf5 = Model(model.prototxt, convert_weights(model.weights, "hdf5"))
    found = verify(model, hdf5, engine=engine, expect="exact")
    assert found, found.reasons
    assert found.error == 0
