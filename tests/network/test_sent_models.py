"""A model that is sent to another process: the text, changed blobs, and a reference to its file."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.errors import FormatError
from netsurgery.formats.convert import convert_weights
from netsurgery.methods import Edit
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.surgery import apply

RECEIVE = """
import pickle, sys
model = pickle.load(open(sys.argv[1], "rb"))
model.save(sys.argv[2])
print(model.digest)
"""


@pytest.fixture(params=["caffemodel", "hdf5"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    pair = two_layers().save(tmp_path / "original")
    if request.param == "hdf5":
        pytest.importorskip("h5py")
        path = tmp_path / "original" / "weights.caffemodel.h5"
        convert_weights(load(*pair).weights, "hdf5").write(path)
        pair = pair[0], path
    return load(*pair)


def test_another_process_writes_the_same_files(model: Model, tmp_path: Path) -> None:
    small = apply(model, Plan((Edit("fc6", "svd", {"rank": 4}),)))
    (tmp_path / "sent").write_bytes(pickle.dumps(small))
    small.save(tmp_path / "here")
    run = subprocess.run(
        [sys.executable, "-c", RECEIVE, tmp_path / "sent", tmp_path / "there"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [small.digest]
    for file in (tmp_path / "here").iterdir():
        assert (tmp_path / "there" / file.name).read_bytes() == file.read_bytes()


def test_numbers_that_lie_in_a_file_are_not_sent(model: Model) -> None:
    numbers = np.ascontiguousarray(model.blobs("fc6")[0].array()).tobytes()
    sent = pickle.dumps(model)
    assert numbers[:64] not in sent
    assert len(sent) < len(numbers)


def test_what_was_sent_can_be_sent_on(model: Model) -> None:
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(model))))
    assert again.digest == model.digest


def test_the_file_is_not_opened_before_its_numbers_are_asked_for(
    model: Model, tmp_path: Path
) -> None:
    sent = pickle.dumps(model)
    file = Path(model.weights.file)
    file.rename(tmp_path / "away")
    received = pickle.loads(sent)
    assert received.blobs("fc6")[0].shape == (32, 48)
    with pytest.raises(FormatError, match="cannot be read, and weights lie in it: No such file"):
        received.blobs("fc6")[0].array()
    (tmp_path / "away").rename(file)
    assert np.array_equal(received.blobs("fc6")[0].array(), model.blobs("fc6")[0].array())


def test_a_file_that_is_another_by_now_is_refused(model: Model) -> None:
    sent = pickle.dumps(model)
    file = Path(model.weights.file)
    other = bytearray(file.read_bytes())
    other[-1] ^= 1
    fresh = file.with_name("fresh")
    fresh.write_bytes(other)
    fresh.replace(file)
    with pytest.raises(FormatError) as caught:
        pickle.loads(sent).blobs("fc6")[0].array()
    assert str(caught.value).startswith(f"{file}: is not the file it was when the model was read")
