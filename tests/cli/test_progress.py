"""What long work tells of itself, on a terminal and in a log."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading

import pytest

from netsurgery.cli._progress import about, progress
from netsurgery.progress import Forecast, duration

LINE = re.compile(r"^thinning: (.+) \(\d+:\d\d\)$")


def test_times_are_told_as_they_are_known() -> None:
    assert [duration(one) for one in (0, 7.9, 750, 3723)] == ["0:00", "0:07", "12:30", "1:02:03"]
    told = {2.4: "2 s", 9.6: "10 s", 38: "40 s", 84: "80 s", 95: "2 min", 700: "12 min"}
    assert {one: about(one) for one in told} == told
    assert [about(one) for one in (5400, 8000)] == ["1.5 h", "2 h"]


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("thinning", between=0.05) as work:
        work.expect(Forecast({("trials",): 40.0}))
        for _ in work.each(["conv1", "conv2"], "trials", "layers"):
            threading.Event().wait(0.14)
    told = capsys.readouterr()
    assert told.out == ""
    first, *lines = told.err.splitlines()
    assert first == "about 40 s on this machine"
    assert 2 <= len(lines) <= 5  # every 0.05 of 0.28 seconds at most
    assert all(LINE.match(line) for line in lines), lines
    assert lines[0].startswith("thinning: trials, conv1, 1 of 2 layers, about 0:4")
    assert re.match(r"thinning: trials, conv2, 2 of 2 layers, about 0:\d\d left", lines[-1])


def test_what_is_over_soon_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("thinning") as work:
        work.expect(Forecast({("trials",): 1.9}))
        work.begin("conv1")
    with pytest.raises(ValueError, match="broken"), progress("thinning", between=60):
        raise ValueError("broken")
    assert capsys.readouterr().err == ""
    assert "progress" not in [thread.name for thread in threading.enumerate()]


def test_a_log_that_nobody_reads_any_more_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with progress("thinning", between=0.02) as work:
            work.expect(Forecast({("trials",): 40.0}))
            threading.Event().wait(0.1)
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            stream.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


PROGRAM = """
import time
from netsurgery.cli._progress import progress
from netsurgery.progress import Forecast
with progress("thinning") as work:
    work.expect(Forecast({("running",): 4.0}))
    with work.task("running", 8, "inputs") as task:
        for number in range(8):
            time.sleep(0.15)
            task.advance()
"""


def test_a_person_sees_the_time_that_is_left() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stderr=theirs, stdout=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert process.returncode == 0
    assert shown.count(b"about 4 s on this machine") == 1
    assert b"thinning: running, 4 of 8 inputs" in shown
    assert b"about 0:0" in shown
    assert b"left" in shown


def test_a_long_command_tells_a_log_and_leaves_json_alone(
    netsurgery, pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netsurgery.cli import _progress
    from netsurgery.planning import low_rank

    plan_edit = low_rank._edit
    monkeypatch.setattr(
        low_rank, "_edit", lambda *given: (threading.Event().wait(0.1), plan_edit(*given))[1]
    )
    monkeypatch.setattr(_progress, "BETWEEN", 0.03)
    done = netsurgery("plan", *pair, "--energy", "0.9", "--json")
    assert done.status == 0
    assert json.loads(done.out)["edits"]
    line = r"^planning: layers, fc6, 1 of 2 layers(, about 0:00 left)? \(0:00\)$"
    assert re.search(line, done.err, re.MULTILINE)
