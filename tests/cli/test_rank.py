"""``netsurgery rank`` on the example of the repository."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PAIR = DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel"
FREE = {"conv1": 16, "conv2": 32, "fc3": 192, "fc4": 128}


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Some of the held-out digits."""
    file = np.load(DIGITS / "held_out.npz")
    np.savez(tmp_path / "few.npz", data=file["data"][:96], labels=file["labels"][:96])
    return tmp_path / "few.npz"


@pytest.mark.usefixtures("caffe_python")
def test_the_oracle_on_the_example(netsurgery, few: Path, tmp_path: Path) -> None:
    out = tmp_path / "ranking.json"
    arguments = ("rank", *PAIR, "--criteria", "taylor,l1,activation", "--data", few, "--oracle")
    done = netsurgery(*arguments, "-o", out)
    assert (done.status, done.err) == (0, "")
    assert "Mean loss of the whole net on 96 inputs" in done.out
    assert "against the labels given" in done.out
    found = json.loads(out.read_text())
    assert {group["name"]: len(group["free"]) for group in found["groups"]} == FREE
    assert {name: len(changes) for name, changes in found["oracle"]["changes"].items()} == FREE
    assert {len(order) for order in found["order"].values()} == {sum(FREE.values())}
    spearman = found["spearman"]
    measured = ["changes of examples, measured", "oracle, half against half"]
    assert list(spearman) == ["taylor", "l1", "activation", *measured]
    assert found["spearman_of_examples"]["taylor"]["mean"] > spearman["taylor"]["mean"]
    assert set(spearman["taylor"]["layers"]) == set(FREE)
    assert 0.3 < spearman["taylor"]["normalised"] <= 1
    row = next(line for line in done.out.splitlines() if line.startswith(" activation "))
    assert row.split()[-1] == f"{spearman['activation']['normalised']:.3f}"
    written = (tmp_path / "ranking.json.oracle").read_bytes()
    again = netsurgery(*arguments, "-o", out, "--json")
    assert json.loads(again.out) == found
    assert (tmp_path / "ranking.json.oracle").read_bytes() == written


@pytest.mark.usefixtures("caffe_python")
def test_a_label_file_and_no_labels(netsurgery, few: Path, tmp_path: Path) -> None:
    file = np.load(few)
    np.save(tmp_path / "data.npy", file["data"])
    (tmp_path / "classes.txt").write_text("\n".join(map(str, file["labels"])))
    (tmp_path / "wrong.txt").write_text("\n".join(map(str, (file["labels"] + 1) % 10)))
    arguments = ("rank", *PAIR, "--criteria", "taylor", "--json", "--data")
    given = json.loads(netsurgery(*arguments, few).out)
    filed = netsurgery(*arguments, tmp_path / "data.npy", "--labels", tmp_path / "classes.txt")
    assert json.loads(filed.out) == given
    own = json.loads(netsurgery(*arguments, tmp_path / "data.npy").out)
    assert own["labels"] == "the classes that the net itself finds best, as no labels are given"
    assert own["groups"] == given["groups"]  # it is right about all of these
    wrong = netsurgery(*arguments, tmp_path / "data.npy", "--labels", tmp_path / "wrong.txt")
    assert json.loads(wrong.out)["groups"] != given["groups"]


def test_weights_alone_need_nothing_else(netsurgery, pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETSURGERY_CAFFE_PYTHON", "/nowhere")
    done = netsurgery("rank", *pair, "--criteria", "l2,random")
    assert (done.status, done.err) == (0, "")
    numbers = [line.split() for line in done.out.splitlines() if line.strip()[:1].isdigit()]
    assert sorted(int(cells[0]) for cells in numbers) == list(range(32))
    scores = [float(cells[1]) for cells in numbers]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--criteria", "tailor"], "no criterion 'tailor'; choose among activation, "),
        (["--criteria", "taylor"], "taylor cannot do without inputs; give some with --data"),
        (["--oracle"], "the oracle cannot do without inputs"),
        (
            ["--criteria", "taylor", "--data", "FEW", "--engine", "opencv"],
            "opencv cannot do this: gradients",
        ),
        (["--oracle", "--data", "FEW", "--caffe-python", "/nowhere"], "cannot run /nowhere"),
        (["--oracle", "--data", "FEW", "--task-output", "fc9"], "'fc9' is none; name the one"),
    ],
)
def test_what_cannot_be_done_is_one_line(netsurgery, few: Path, options: list, said: str) -> None:
    done = netsurgery("rank", *PAIR, *[few if option == "FEW" else option for option in options])
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert said in done.err


@pytest.mark.usefixtures("caffe_python")
def test_a_terminal_sees_progress(few: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "netsurgery", "rank", *PAIR, "--criteria", "taylor"]
    with subprocess.Popen(
        [*map(str, command), "--data", str(few)], stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # what Linux says at the end
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"ranking" in shown
