"""A command and the call of the library that it stands for do the same, to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import netsurgery as ns

Pair = tuple[Path, Path]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Inputs of the small pair, with labels."""
    rng = np.random.default_rng(3)
    path = tmp_path / "data.npz"
    np.savez(path, data=rng.normal(size=(24, 3, 4, 4)).astype(np.float32), labels=np.arange(24) % 5)
    return path


@pytest.mark.parametrize("arguments", [["inspect"], ["doctor"], ["inspect", "--no-spectra"]])
def test_questions_have_the_same_answer(netsurgery, pair: Pair, arguments: list[str]) -> None:
    done = netsurgery(arguments[0], *pair, *arguments[1:], "--json")
    request = ns.InspectRequest(spectra=len(arguments) == 1)
    called = ns.doctor(pair) if arguments[0] == "doctor" else ns.inspect(pair, request)
    assert json.loads(done.out) == json.loads(json.dumps(called.to_dict()))


def test_channels(netsurgery, pair: Pair) -> None:
    done = netsurgery("channels", pair[0], "fc6", "--weights", pair[1], "--json")
    called = ns.channels(pair, ns.ChannelsRequest("fc6"))
    assert json.loads(done.out) == json.loads(json.dumps(called.to_dict()))


def test_engines(netsurgery) -> None:
    assert json.loads(netsurgery("engines", "--json").out) == ns.engines().to_dict()


def test_convert_and_upgrade(netsurgery, pair: Pair, tmp_path: Path) -> None:
    commanded, called = tmp_path / "commanded.caffemodel", tmp_path / "called.caffemodel"
    assert not netsurgery("convert", pair[1], commanded, "--float16").status
    ns.convert(pair[1], called, ns.ConvertRequest(float16=True))
    assert commanded.read_bytes() == called.read_bytes()
    assert not netsurgery("upgrade", *pair, "-o", tmp_path / "commanded").status
    same_files(tmp_path / "commanded", ns.upgrade(pair, tmp_path / "called").files)


def test_rank(netsurgery, pair: Pair, data: Path, tmp_path: Path, caffe_python) -> None:
    flags = "--criteria", "activation,l1", "--data", data
    assert not netsurgery("rank", *pair, *flags, "-o", tmp_path / "commanded.json").status
    request = ns.RankRequest(criteria=("activation", "l1"), inputs=data)
    ns.rank(pair, request, tmp_path / "called.json")
    commanded, called = (tmp_path / f"{name}.json" for name in ("commanded", "called"))
    assert commanded.read_bytes() == called.read_bytes()


def test_verify_and_golden_files(
    netsurgery, pair: Pair, data: Path, tmp_path, caffe_python
) -> None:
    other = ns.upgrade(pair, tmp_path / "other").files
    done = netsurgery("verify", *pair, *other, "--inputs", data, "--expect", "exact", "--json")
    called = ns.verify(pair, other, ns.VerifyRequest(inputs=data, expect="exact"))
    assert json.loads(done.out) == json.loads(json.dumps(called.to_dict()))
    assert not netsurgery("verify", *pair, "--save-golden", tmp_path / "a.npz").status
    ns.save_golden(pair, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert ns.verify_golden(pair, tmp_path / "a.npz", ns.VerifyRequest(expect="exact"))


def same_files(folder: Path, files: tuple[Path, ...]) -> None:
    """The files have the bytes of those of the same names in a folder, which has no others."""
    assert {path.name for path in folder.iterdir()} == {path.name for path in files}
    for path in files:
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
