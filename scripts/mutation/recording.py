"""A pytest plugin that writes down which lines of netsurgery each test runs, and how long it takes.

Loaded with ``-p mutation.recording``; the file to write is named by NETSURGERY_REACHED. A line is
reported once a test and costs nothing after that, by sys.monitoring (Python 3.12 and later).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import CodeType
from typing import Any, Dict, Iterator, List

import pytest

OUTPUT = "NETSURGERY_REACHED"
# sys.monitoring numbers tools from 0 to 5; coverage has 1, profilers 2.
TOOL = 4
PACKAGE = str(Path(os.environ.get("PYTHONPATH", "").split(os.pathsep)[0]) / "netsurgery") + os.sep

lines: Dict[str, Dict[int, List[str]]] = {}
seconds: Dict[str, float] = {}
failed: List[str] = []
running = ""


def on_line(code: CodeType, line: int) -> Any:
    if code.co_filename.startswith(PACKAGE):
        reached = lines.setdefault(code.co_filename[len(PACKAGE) :], {})
        reached.setdefault(line, []).append(running)
    return sys.monitoring.DISABLE


def pytest_configure() -> None:
    monitoring = sys.monitoring
    monitoring.use_tool_id(TOOL, "netsurgery-mutants")
    monitoring.register_callback(TOOL, monitoring.events.LINE, on_line)
    monitoring.set_events(TOOL, monitoring.events.LINE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Count all that runs for a test, fixtures too, as its own."""
    global running
    running = item.nodeid
    sys.monitoring.restart_events()
    result = yield
    running = ""
    return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Iterator[object]:
    """Count what a fixture does for a whole file as done for each of its tests."""
    global running
    test = running
    if fixturedef.scope != "function":
        running = test.split("::")[0]
        sys.monitoring.restart_events()
    result = yield
    if running != test:
        running = test
        sys.monitoring.restart_events()
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        failed.append(report.nodeid)


def pytest_sessionfinish() -> None:
    sys.monitoring.set_events(TOOL, sys.monitoring.events.NO_EVENTS)
    sys.monitoring.free_tool_id(TOOL)
    Path(os.environ[OUTPUT]).write_text(
        json.dumps({"lines": lines, "seconds": seconds, "failed": failed})
    )
