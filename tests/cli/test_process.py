"""Streams, signals and statuses: whatever happens around a command, its exit status is true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from netsurgery import cli

COMMAND = [sys.executable, "-m", "netsurgery"]
EVERY = ["inspect", "doctor", "channels", "plan", "compress", "thin", "rank", "convert", "upgrade"]


def words(name: str, pair: tuple[Path, Path], out: Path) -> list[str]:
    """A line that does a command's work on the pair, without an engine."""
    prototxt, weights = map(str, pair)
    more = {
        "plan": ["--rank", "fc6=4"],
        "compress": ["--rank", "fc6=4", "--no-verify", "-o", str(out)],
        "thin": ["--keep", "0.5", "--no-verify", "-o", str(out)],
        "upgrade": ["-o", str(out)],
    }
    if name == "convert":
        return [name, weights, str(out / "net.caffemodel")]
    if name == "channels":
        return [name, prototxt]
    return [name, prototxt, weights, *more.get(name, [])]


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, capture_output=True, **options
    )


@pytest.mark.parametrize(
    ("name", "encoding"), [*((name, "cp1252") for name in EVERY), ("inspect", "ascii")]
)
def test_any_encoding_of_the_output_will_do(pair, tmp_path, name: str, encoding: str) -> None:
    text = pair[0].read_text(encoding="utf-8").replace('"relu6"', '"é✓字"')
    pair[0].write_text(text, encoding="utf-8")
    (tmp_path / "out").mkdir()
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run(*words(name, pair, tmp_path / "out"), env=environment)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    if name == "channels":
        assert "\xe9+\\u5b57" in text


@pytest.mark.parametrize(
    ("name", "streams"),
    [
        *((name, ["stdout", "stderr"]) for name in EVERY),
        ("compress", ["stdout"]),
        ("compress", ["stderr"]),
    ],
)
def test_a_reader_that_went_away_is_no_failure(pair, tmp_path, name: str, streams) -> None:
    (tmp_path / "out").mkdir()
    source, sink = os.pipe()
    os.close(source)
    taken = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    taken.update(dict.fromkeys(streams, sink))
    try:
        done = subprocess.run([*COMMAND, *words(name, pair, tmp_path / "out")], **taken)
    finally:
        os.close(sink)
    assert done.returncode == 0
    if name in ("compress", "thin"):
        assert (tmp_path / "out" / pair[1].name).exists()


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_get_mixed_up_with_files(pair, tmp_path, closed: str) -> None:
    line = " ".join(map("'{}'".format, [*COMMAND, *words("compress", pair, tmp_path / "out")]))
    done = subprocess.run(["sh", "-c", f"{line} {closed}"], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / pair[1].name).exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["inspect"]])
def test_a_full_disk_is_told(pair, arguments: list[str]) -> None:
    more = [str(pair[0])] if arguments == ["inspect"] else []
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, *arguments, *more], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"No space left" in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        RecursionError("deep"),
        ImportError("a library"),
        AssertionError(),
        ZeroDivisionError("two\nlines"),
        SystemExit(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_ours_is_one_line_and_status_2(monkeypatch, netsurgery, error) -> None:
    @click.command("broken")
    def broken() -> None:
        raise error

    monkeypatch.setattr(cli._Commands, "get_command", lambda self, ctx, name: broken)
    monkeypatch.delenv("NETSURGERY_TRACEBACK", raising=False)
    done = netsurgery("inspect")
    assert done.status == 2
    assert done.out == ""
    assert len(done.err.splitlines()) == 1
    assert f"internal error: {type(error).__name__}" in done.err
    assert "netsurgery/cli/__init__.py:" in done.err
    assert "report it" in done.err
    monkeypatch.setenv("NETSURGERY_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in netsurgery("inspect").err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(pair, tmp_path, caffe_python, number) -> None:
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    stop, children = started(pair, out, temporary)
    stop.send_signal(number)
    assert stop.wait(30) == 128 + number
    assert not os.listdir(temporary)
    assert not os.listdir(out)
    assert gone(children)


def test_a_long_factorisation_does_not_keep_it_from_leaving(tmp_path) -> None:
    program = (
        "import numpy, sys; from netsurgery.cli._process import stoppable\n"
        "from netsurgery.formats.scratch import scratch_folder\n"
        "with stoppable(), scratch_folder(sys.argv[1]):\n"
        "    print('there', flush=True); numpy.linalg.svd(numpy.ones((4000, 4000)))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.3)
    process.terminate()
    assert process.wait(5) == 128 + signal.SIGTERM
    process.stdout.close()
    assert not os.listdir(tmp_path)


def test_nohup_is_heeded(tmp_path) -> None:
    program = (
        "import os, signal; from netsurgery.cli._process import stoppable\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with stoppable(): os.kill(os.getpid(), signal.SIGHUP)\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_next_run_clears_up_behind_a_killed_one(pair, tmp_path, caffe_python) -> None:
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    process, children = started(pair, out, temporary)
    process.kill()
    process.wait()
    assert os.listdir(out)
    assert gone(children), "a worker whose parent was killed goes on"
    arguments = ["compress", *map(str, pair), "--rank", "fc6=4", "--random", "2", "-o", str(out)]
    assert run(*arguments, env={**os.environ, "TMPDIR": str(temporary)}).returncode == 0
    assert sorted(os.listdir(out)) == sorted([pair[0].name, pair[1].name, "netsurgery.json"])
    assert not os.listdir(temporary)


def started(pair, out: Path, temporary: Path) -> tuple[subprocess.Popen, list[int]]:
    """A compression that will take long, and its child processes, in the midst of the work."""
    process = subprocess.Popen(
        [*COMMAND, "compress", *map(str, pair), "--rank", "fc6=4", "--random", "400000"]
        + ["-o", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    end = time.monotonic() + 60
    children: list[int] = []
    while time.monotonic() < end and not children:
        time.sleep(0.1)
        if out.is_dir() and os.listdir(out):
            listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            children = list(map(int, listed.split()))
    assert children
    time.sleep(0.3)
    assert process.poll() is None
    return process, children


def gone(children: list[int]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        alive = [pid for pid in children if Path(f"/proc/{pid}").exists()]
        states = [Path(f"/proc/{pid}/stat").read_text().split()[2] for pid in alive]
        if all(state == "Z" for state in states):
            return True
        time.sleep(0.1)
    return False
