"""Numbers that cannot be, on the command line and in what is read, are refused before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netsurgery.calibration import calibrator
from netsurgery.jobs import proving

BELOW_ONE = ["0", "-1", "nan", "1.5", "x", "9" * 30]
SHARES = ["1.1", "-0.1", "nan", "inf", "x"]
CASES = [
    *(("compress", ["--rank", "fc6=4"], "--min-agreement", text) for text in SHARES),
    *(("compress", ["--rank", "fc6=4"], "--max-error", text) for text in ("-1", "nan", "inf")),
    *(("compress", ["--rank", "fc6=4"], "--random", text) for text in BELOW_ONE),
    *(("compress", ["--rank", "fc6=4"], "--seed", text) for text in ("-1", "nan", "9" * 30)),
    *(("compress", ["--rank", "fc6=4"], "--samples", text) for text in BELOW_ONE),
    *(("compress", ["--macs", "0.5"], "--round", text) for text in BELOW_ONE),
    *(("compress", ["--macs", "0.5"], "--rois", text) for text in BELOW_ONE),
    *(("compress", [], "--macs", text) for text in (*SHARES, "0")),
    *(("compress", [], "--params", text) for text in (*SHARES, "0")),
    *(("compress", [], "--latency", text) for text in (*SHARES, "0")),
    *(("compress", [], "--bytes", text) for text in ("-1", "nan", "x", "0")),
    *(("compress", [], "--energy", text) for text in SHARES),
    *(("compress", [], "--error", text) for text in ("-1", "nan", "x")),
    *(("compress", [], "--rank", f"fc6={text}") for text in ("0", "-1", "nan", "x", "1.5")),
    *(("thin", ["--keep", "0.5"], "--round", text) for text in BELOW_ONE),
    *(("thin", [], "--width", text) for text in BELOW_ONE),
    *(("thin", [], "--keep", f"fc6={text}") for text in ("0", "-1", "nan", "x", "1.5")),
    *(("thin", [], "--macs", text) for text in (*SHARES, "0")),
    *(("rank", [], "--flops", text) for text in ("-1", "nan", "inf", "x")),
    *(("rank", [], "--seed", text) for text in ("-1", "x")),
    *(("plan", [], "--sweep", text) for text in ("nan:1:0.1", "0.9:0.1:0.1", "0.1:0.9:0", "1:2:1")),
    *(("inspect", [], "--rois", text) for text in BELOW_ONE),
    *(("compress", ["--rank", "fc6=4"], "--mean", text) for text in ("nan", "1,x", "")),
    *(("compress", ["--rank", "fc6=4"], "--raw-scale", text) for text in ("nan", "inf")),
    *(("compress", ["--rank", "fc6=4"], "--input-scale", text) for text in ("nan", "inf")),
    *(("compress", ["--rank", "fc6=4"], "--images-dim", text) for text in ("0,4", "-4,4", "4")),
    *(("compress", ["--rank", "fc6=4"], "--channel-swap", text) for text in ("-1,0,1", "x")),
]


def refused(done, out: Path) -> None:
    assert done.status == 2, done.out + done.err
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert "internal error" not in done.err
    assert not out.exists()


@pytest.mark.parametrize(("command", "more", "option", "value"), CASES)
def test_options_out_of_range(
    netsurgery, pair, tmp_path, monkeypatch, command: str, more, option: str, value: str
) -> None:
    def fail(*given, **named) -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr(proving, "operate", fail)
    out = tmp_path / "out"
    place = ["-o", out] if command in ("compress", "thin") else []
    if option in ("--samples", "--mean", "--raw-scale", "--input-scale", "--images-dim"):
        np.save(tmp_path / "x.npy", np.zeros((4, 3, 4, 4)))
        more = [*more, "--inputs" if option != "--samples" else "--calibrate", tmp_path / "x.npy"]
    refused(netsurgery(command, *pair, *more, f"{option}={value}", *place), out)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("compress", ["--macs", "0.6", "--calibrate"]),
        ("compress", ["--rank", "fc6=4", "--inputs"]),
        ("thin", ["--keep", "0.5", "--calibrate"]),
        ("plan", ["--macs", "0.6", "--calibrate"]),
        ("rank", ["--criteria", "taylor", "--data"]),
        ("verify", ["--inputs"]),
    ],
)
def test_inputs_that_are_not_finite(
    netsurgery, pair, tmp_path, monkeypatch, command: str, more, value: float
) -> None:
    monkeypatch.setattr(calibrator, "measure", None)
    samples = np.zeros((40, 3, 4, 4))
    samples[37, 1, 2, 3] = value
    np.savez(tmp_path / "x.npz", data=samples)
    out = tmp_path / "out"
    files = [*pair, *pair] if command == "verify" else pair
    place = ["-o", out] if command in ("compress", "thin") else []
    done = netsurgery(command, *files, *more, tmp_path / "x.npz", *place)
    refused(done, out)
    assert "sample 38 of input 'data'" in done.err


@pytest.mark.parametrize(
    "labels",
    [
        np.int64(3),
        np.array([0, 1, 2, np.nan]),
        np.array([0, 1, 2, np.inf]),
        np.array([0, 1, 2, 0.5]),
        np.array([0, 1, 2, 2**60]),
        np.array([0, 1, 2]),
        np.array(["a", "b", "c", "d"]),
        np.zeros((4, 2)),
        np.array([0, 1, 2, 5]),
        np.array([0, 1, 2, -3]),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("opencv")
def test_labels_that_are_none(netsurgery, pair, tmp_path, labels) -> None:
    np.savez(tmp_path / "x.npz", data=np.ones((4, 3, 4, 4)), labels=labels)
    for line in (
        ["verify", *pair, *pair, "--inputs", tmp_path / "x.npz"],
        ["rank", *pair, "--criteria", "taylor", "--data", tmp_path / "x.npz"],
        ["compress", *pair, "--rank", "fc6=4", "-o", tmp_path / "out"]
        + ["--inputs", tmp_path / "x.npz"],
    ):
        refused(netsurgery(*line), tmp_path / "out")


@pytest.mark.parametrize("text", ["9" * 30 + "\n0\n1\n2\n", "a b c\n", "nan\n1\n2\n3\n", "1\n2\n"])
def test_label_files_that_are_none(netsurgery, pair, tmp_path, text: str) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 3, 4, 4)))
    (tmp_path / "labels.txt").write_text(text)
    more = ["--inputs", tmp_path / "x.npy", "--labels", tmp_path / "labels.txt"]
    refused(netsurgery("verify", *pair, *pair, *more), tmp_path / "out")
