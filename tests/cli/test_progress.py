"""What long work tells of itself, on a terminal and in a log."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from typing import Iterator

import pytest
from hypothesis import given, strategies as st

from netsurgery.cli._progress import Pace, duration, progress, told_left

LINE = re.compile(r"^thinning: (.+) \(\d+:\d\d\)$")


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    def ticks(self, pace: Pace, steps: Iterator[str], seconds: float) -> None:
        for step in steps:
            self.now += seconds
            pace.hear(step)


@given(st.integers(2, 500), st.floats(0.01, 1000))
def test_an_even_pace_gives_the_time_that_is_left(of: int, each: float) -> None:
    clock = Clock()
    pace = Pace(clock)
    for done in range(of + 1):
        pace.hear(f"{done} of {of} inputs")
        left = pace.left()
        expected = (of - done) * each if 0 < done < of else None
        assert left == (expected and pytest.approx(expected))
        assert pace.share() == (done, of)
        clock.now += each


def test_what_is_counted_when_it_is_begun_is_not_done_yet() -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.ticks(pace, (f"conv{n}, {n} of 5 layers" for n in (1, 2, 3)), 10)
    assert pace.left() == pytest.approx(30)  # the third, the fourth and the fifth
    assert pace.share() == (2, 5)
    clock.now += 4
    assert pace.left() == pytest.approx(26)
    clock.now += 1000
    assert pace.left() is None  # longer than it should: nobody knows
    clock.ticks(pace, iter(["conv5, 5 of 5 layers", "writing"]), 1)
    assert pace.share() == (0.0, None)


def test_the_outermost_count_tells_the_time_once_it_has_a_pace() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.hear("conv1, 1 of 3 layers")
    clock.ticks(pace, (f"{n} of 100 inputs" for n in range(0, 101, 50)), 10)
    assert pace.left() is None  # the inputs are through, and of the layers nothing is known
    clock.now += 10
    pace.hear("conv2, 2 of 3 layers")
    assert pace.left() == pytest.approx(80)
    clock.ticks(pace, (f"{n} of 100 inputs" for n in (0, 50)), 10)
    assert pace.left() == pytest.approx(60)
    assert pace.share() == (1, 3)


def test_a_count_that_begins_anew_is_another_one() -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.ticks(pace, (f"{n} of 100 inputs" for n in range(0, 101, 50)), 10)
    clock.ticks(pace, iter(["0 of 100 inputs"]), 10)
    assert pace.left() is None
    clock.ticks(pace, iter(["50 of 100 inputs"]), 3)
    assert pace.left() == pytest.approx(3)


def test_where_nothing_is_counted_no_time_is_told() -> None:
    pace = Pace(Clock())
    pace.hear("writing")
    assert (pace.left(), pace.share(), told_left(pace)) == (None, (0.0, None), "")
    assert [duration(one) for one in (0, 7.9, 750, 3723)] == ["0:00", "0:07", "12:30", "1:02:03"]


def test_a_log_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("thinning", first=0.05) as step:
        step("conv1, 1 of 4 layers")
        threading.Event().wait(0.12)
        step("conv2, 2 of 4 layers")
        threading.Event().wait(0.18)
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert 2 <= len(lines) <= 6  # every 0.05 of 0.3 seconds at most
    assert all(LINE.match(line) for line in lines), lines
    assert lines[0].startswith("thinning: conv1, 1 of 4 layers (")
    assert lines[-1].startswith("thinning: conv2, 2 of 4 layers, about 0:0")
    assert "left of this step" in lines[-1]


def test_what_is_over_soon_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("thinning") as step:
        step("conv1")
    with pytest.raises(ValueError, match="broken"), progress("thinning", first=60):
        raise ValueError("broken")
    assert capsys.readouterr().err == ""
    assert "progress" not in [thread.name for thread in threading.enumerate()]


def test_a_log_that_nobody_reads_any_more_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with progress("thinning", first=0.02):
            threading.Event().wait(0.1)
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            stream.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


PROGRAM = """
import time
from netsurgery.cli._progress import progress
with progress("thinning") as step:
    for number in range(8):
        step(f"{number} of 8 inputs")
        time.sleep(0.15)
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
    assert b"of 8 inputs" in shown
    assert b"left of this step" in shown


def test_a_long_command_tells_a_log_and_leaves_json_alone(
    netsurgery, pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netsurgery.cli import _progress
    from netsurgery.planning import low_rank

    plan_edit = low_rank._edit
    monkeypatch.setattr(
        low_rank, "_edit", lambda *given: (threading.Event().wait(0.1), plan_edit(*given))[1]
    )
    monkeypatch.setattr(_progress, "FIRST", 0.03)
    done = netsurgery("plan", *pair, "--energy", "0.9", "--json")
    assert done.status == 0
    assert json.loads(done.out)["edits"]
    assert re.search(r"^planning: fc6, 1 of 2 layers \(0:00\)$", done.err, re.MULTILINE)
