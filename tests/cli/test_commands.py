from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from netsurgery import __version__
from netsurgery.formats.weights import open_weights
from netsurgery.network.model import load

COMMANDS = {
    *(
        "apply",
        "bisect",
        "cache",
        "channels",
        "compress",
        "convert",
        "doctor",
        "engines",
        "explain",
        "help",
    ),
    *("finetune", "inspect", "plan", "prune", "rank", "thin", "upgrade", "verify", "zoo"),
}


def test_every_command_is_listed_with_its_help(netsurgery) -> None:
    done = netsurgery("--help")
    listed = set(re.findall(r"^  (\S+)", done.out.split("Commands:")[1], re.MULTILINE))
    assert listed == COMMANDS
    for command in COMMANDS:
        shown = netsurgery(command, "--help")
        assert shown.status == 0
        assert f"Usage: netsurgery {command}" in shown.out


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_examples_in_the_help_stand_on_lines_of_their_own(netsurgery, command: str) -> None:
    shown = netsurgery(command, "--help").out
    assert "\\b" not in shown
    assert "\b" not in shown
    lines = [line.strip() for line in shown.splitlines()]
    written = importlib.import_module(f"netsurgery.cli.{command}").__file__
    examples = re.findall(r"^    (netsurgery \S.*)$", Path(written).read_text(), re.MULTILINE)
    assert set(examples) <= set(lines)


def test_the_module_is_the_command_line() -> None:
    command = [sys.executable, "-m", "netsurgery", "--version"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == f"netsurgery, version {__version__}"


def test_a_reader_that_goes_away_is_no_error(pair) -> None:
    command = f"{sys.executable} -m netsurgery plan {pair[0]} {pair[1]} --energy 0.5 | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["inspect", "doctor", "plan", "compress"])
def test_swapped_arguments_are_recognised(netsurgery, pair, command: str) -> None:
    options = {"plan": ["--energy", "0.9"], "compress": ["--energy", "0.9", "-o", "out"]}
    done = netsurgery(command, pair[1], pair[0], *options.get(command, []))
    assert done.status == 2
    assert len(done.err.strip().splitlines()) == 1
    assert "swapped" in done.err


def test_a_file_that_is_not_there_is_named(netsurgery, pair) -> None:
    done = netsurgery("inspect", "no.prototxt")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("netsurgery: no.prototxt: ")


def test_engines_says_what_is_usable(netsurgery, caffe_python) -> None:
    done = netsurgery("engines")
    assert "caffe: usable, version 1.0.0" in done.out
    assert set(json.loads(netsurgery("engines", "--json").out)) >= {"caffe", "opencv"}


def test_convert_goes_there_and_back(netsurgery, pair, tmp_path) -> None:
    there, back = tmp_path / "net.caffemodel.h5", tmp_path / "back.caffemodel"
    assert netsurgery("convert", pair[1], there).status == 0
    assert netsurgery("convert", there, back).status == 0
    before, after = open_weights(pair[1]), open_weights(back)
    assert [layer.name for layer in before.layers] == [layer.name for layer in after.layers]
    for layer in before.layers:
        for old, new in zip(layer.blobs, after.blobs(layer.name)):
            assert np.array_equal(old.array(), new.array())


def test_convert_makes_hdf5_smaller(netsurgery, pair, tmp_path) -> None:
    sizes = []
    for options in ([], ["--float16"], ["--float16", "--gzip"]):
        out = tmp_path / "net.h5"
        assert netsurgery("convert", pair[1], out, *options).status == 0
        sizes.append(out.stat().st_size)
    assert sizes[1] < sizes[0]
    done = netsurgery("convert", pair[1], tmp_path / "out.caffemodel", "--gzip")
    assert done.status == 2
    assert "HDF5" in done.err


def test_convert_of_an_old_file_needs_its_net(netsurgery, zoo: Path, tmp_path: Path) -> None:
    folder = zoo / "lenet_everpeace"
    weights = folder / "lenet_iter_10000.caffemodel"
    done = netsurgery("convert", weights, tmp_path / "lenet.h5")
    assert done.status == 2
    assert "prototxt" in done.err
    done = netsurgery(
        *("convert", weights, tmp_path / "lenet.h5", "--prototxt", folder / "deploy.prototxt")
    )
    assert done.status == 0, done.err
    shapes = [blob.shape for blob in open_weights(tmp_path / "lenet.h5").blobs("ip1")]
    assert shapes == [(500, 800), (500,)]


def test_upgrade_writes_a_net_of_today(netsurgery, zoo: Path, tmp_path: Path) -> None:
    folder = zoo / "lenet_everpeace"
    files = folder / "deploy.prototxt", folder / "lenet_iter_10000.caffemodel"
    done = netsurgery("upgrade", *files, "-o", tmp_path)
    assert done.status == 0, done.err
    made = load(tmp_path / files[0].name, tmp_path / files[1].name)
    assert (made.prototxt.version, made.weights.version) == ("V2", "V2")
    assert made.network().inputs[0].blob == "data"


def test_upgrade_does_not_overwrite_the_original(netsurgery, pair) -> None:
    before = pair[0].read_bytes()
    done = netsurgery("upgrade", *pair, "-o", pair[0].parent)
    assert done.status == 2
    assert "would be overwritten" in done.err
    assert pair[0].read_bytes() == before
