"""``netsurgery prune``: from files to files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import tables_in

from netsurgery.formats import read_masks
from netsurgery.jobs import pruning_writing
from netsurgery.network import Model, load

Pair = tuple[Path, Path]
FC6, FC7 = ("fc6", 0), ("fc7", 0)


def weights_of(model: Model, layer: str) -> np.ndarray:
    return model.blobs(layer)[0].array()


@pytest.mark.usefixtures("opencv")
def test_zeros_are_where_the_masks_say_and_the_rest_is_the_original(
    netsurgery, pair: Pair, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = netsurgery("prune", *pair, "--sparsity", "90%", "-o", out, "--engine", "opencv")
    assert (done.status, done.err) == (0, "")
    names = ["deploy.prototxt", "net.caffemodel", "net.masks.npz", "netsurgery.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    masks = read_masks(out / "net.masks.npz")
    assert list(masks) == [FC6, FC7]
    before, after = load(*pair), load(out / names[0], out / names[1])
    assert after.prototxt.data == before.prototxt.data
    for name, index in masks:
        expected = np.where(masks[name, index], weights_of(before, name), 0)
        assert np.array_equal(weights_of(after, name), expected)
    assert sum(int(mask.sum()) for mask in masks.values()) == 170
    [[first, _]] = tables_in(done.out)
    left = int(masks[FC6].sum())
    assert (first["layer"], first["weights"], first["left"]) == ("fc6", "1,536", str(left))
    assert ["all", "1,696", "170", "89.98%"] in [line.split() for line in done.out.splitlines()]
    record = json.loads((out / "netsurgery.json").read_text())
    assert (record["method"], record["reasons"]) == ("magnitude", [])
    assert record["sparsity"] == {"asked": 0.9, "reached": pytest.approx(1 - 170 / 1696)}


@pytest.mark.usefixtures("opencv")
def test_each_layer_for_itself_and_some_kept(netsurgery, pair: Pair, tmp_path: Path) -> None:
    arguments = ("prune", *pair, "--sparsity", 0.5, "--engine", "opencv", "--json", "-o")
    done = netsurgery(*arguments, tmp_path / "a", "--scope", "layer", "--method", "lamp")
    layers = json.loads(done.out)["layers"]
    assert [one["left"] for one in layers] == [768, 80]
    done = netsurgery(*arguments, tmp_path / "b", "--keep", "fc7")
    assert [one["layer"] for one in json.loads(done.out)["layers"]] == ["fc6"]
    done = netsurgery(*arguments, tmp_path / "c", "--layers", "fc8")
    assert done.status == 2
    assert "'fc8' selects no layer with weights to prune" in done.err


@pytest.mark.usefixtures("opencv")
def test_masks_from_before_stay(netsurgery, pair: Pair, tmp_path: Path) -> None:
    common = ("--engine", "opencv", "-o")
    netsurgery("prune", *pair, "--sparsity", 0.5, "--method", "random", *common, tmp_path / "a")
    first = read_masks(tmp_path / "a" / "net.masks.npz")
    files = tmp_path / "a" / "deploy.prototxt", tmp_path / "a" / "net.caffemodel"
    done = netsurgery(
        *("prune", *files, "--sparsity", 0.8, *common, tmp_path / "b"),
        *("--masks", tmp_path / "a" / "net.masks.npz"),
    )
    assert done.status == 0
    second = read_masks(tmp_path / "b" / "net.masks.npz")
    assert all(not (second[key] & ~first[key]).any() for key in first)


@pytest.mark.usefixtures("opencv")
def test_a_limit_that_is_not_kept_fails(netsurgery, pair: Pair, tmp_path: Path) -> None:
    done = netsurgery(
        *("prune", *pair, "--sparsity", 0.9, "--max-error", "1%", "--engine", "opencv"),
        *("-o", tmp_path / "out"),
    )
    assert done.status == 1
    assert "FAILED: " in done.out
    assert (tmp_path / "out" / "net.caffemodel").exists()


@pytest.mark.usefixtures("opencv")
def test_a_share_that_is_not_reached_is_told(netsurgery, pair: Pair, tmp_path: Path) -> None:
    done = netsurgery(
        *("prune", *pair, "--sparsity", "99.99%", "--engine", "opencv", "-o", tmp_path / "out")
    )
    assert done.status == 0
    assert "asked for 99.99% zero, reached 99.8821%: no layer is emptied" in done.out
    assert "give pictures, or other real inputs, with --validate" in done.out


def test_without_any_engine_it_is_written_and_said(
    netsurgery, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning_writing, "usable_engines", list)
    done = netsurgery("prune", *pair, "--sparsity", 0.5, "-o", tmp_path / "out")
    assert done.status == 0
    assert "not run: there is no engine to run it" in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say how many weights become zero: --sparsity"),
        (("--pattern", "2:4", "--sparsity", 0.9), "leave out --sparsity"),
        (("--pattern", "diagonals", "--sparsity", 0.9), "'diagonals' is none of weights"),
        (("--method", "guess", "--sparsity", 0.9), "there is no saliency 'guess'"),
        (("--method", "obs", "--sparsity", 0.9), "obs looks at what the net computes, and there"),
        (("--sparsity", 1), "--sparsity 1 is no share that can go"),
        (("--sparsity", 0.9, "--keep", "*"), "--keep leaves no layer whose weights could go"),
    ],
)
def test_what_cannot_be_is_refused(
    netsurgery, pair: Pair, tmp_path: Path, words: tuple[object, ...], told: str
) -> None:
    done = netsurgery("prune", *pair, *words, "-o", tmp_path / "out")
    assert done.status == 2
    assert told in " ".join(done.err.split())
    assert not (tmp_path / "out").exists()


def test_a_place_for_the_pair_is_needed(netsurgery, pair: Pair) -> None:
    done = netsurgery("prune", *pair, "--sparsity", 0.9)
    assert done.status == 2
    assert "say where the new pair goes: -o OUT" in done.err


DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def test_rounds_in_real_caffe(netsurgery, caffe, tmp_path: Path) -> None:
    done = netsurgery(
        *("prune", DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel", "--sparsity", 0.9),
        *("--calibrate", DIGITS / "train.npz", "--rounds", 2, "--steps", 12, "--lr", 0.01),
        *("--validate-every", 6, "-o", tmp_path / "out", "--plot", tmp_path / "curves.svg"),
    )
    assert done.status == 0, done.err
    rounds, layers = tables_in(done.out)
    assert [(row["round"], row["zero"]) for row in rounds] == [("1", "68.38%"), ("2", "90.00%")]
    assert [row["layer"] for row in layers] == ["conv1", "conv2", "fc3", "fc4", "fc5"]
    assert "proved: read back, every weight that a mask closes is zero" in done.out
    assert (tmp_path / "curves.svg").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--plot", "curves.svg"), "--plot needs --calibrate"),
        (("--calibrate", "x.npz", "--no-tune", "--lr", "0.1"), "--no-tune and --lr contradict"),
        (("--rounds", "2", "--schedule", "once"), "--rounds and --schedule once contradict"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    netsurgery, pair: Pair, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = netsurgery("prune", *pair, "--sparsity", 0.9, *words, "-o", tmp_path / "out")
    assert done.status == 2
    assert told in " ".join(done.err.split())


# Runs the command line in a process that is killed behind a call of something.
KILLED = """
import os, signal, sys
from netsurgery.cli import main
from netsurgery.pruning import Rounds, channel_loop
from netsurgery.training.checkpoint import Checkpoints

owner, name, left = eval(sys.argv[1])
real, left = getattr(owner, name), [left]
def kill(*given, **named):
    found = real(*given, **named)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return found

setattr(owner, name, kill)
main(sys.argv[2:])
"""


def test_the_taylor_loop_in_real_caffe_ends_in_the_same_bits_wherever_it_is_killed(
    netsurgery, caffe, tmp_path: Path
) -> None:
    def asked(out: Path, *more: object) -> list[str]:
        pair = DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel"
        words = [*("--macs", 0.5, "--remove", 80, "--images", 32, "--steps", 4, "--lr", 0.003)]
        words += ["--calibrate", DIGITS / "train.npz", "--validate-every", 2, "-o", out, *more]
        return [str(one) for one in ("prune", *pair, *words)]

    done = netsurgery(*asked(tmp_path / "whole", "--plot", tmp_path / "rounds.svg"))
    assert done.status == 0, done.err
    rounds, _ = tables_in(done.out)
    macs = [int(row["MACs"].replace(",", "")) for row in rounds]
    assert macs == sorted(macs, reverse=True)
    assert macs[-1] <= 428288 / 2 < macs[-2]
    assert "left alone: data (data is an input of the network)" in done.out
    assert b"loss, before tuning" in (tmp_path / "rounds.svg").read_bytes()
    assert not (tmp_path / "whole" / "digits.masks.npz").exists()
    out = tmp_path / "out"
    for place in (
        "Checkpoints, 'save', 2",  # in the tuning of the first round
        "Rounds, 'finish', 1",  # between two rounds
        "channel_loop, 'choose_channels', 1",  # the second is ranked, and nothing written
    ):
        words = [sys.executable, "-c", KILLED, place, *asked(out)]
        killed = subprocess.run(words, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not (out / "digits.caffemodel").exists()
    again = netsurgery(*asked(out))
    assert again.status == 0, again.err
    for name in ("deploy.prototxt", "digits.caffemodel"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    records = [
        json.loads((path / "netsurgery.json").read_text()) for path in (tmp_path / "whole", out)
    ]
    assert records[0]["rounds"] == records[1]["rounds"]
    assert not (out / ".training").exists()
