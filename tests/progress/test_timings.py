"""The processor time of a job, child processes included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netsurgery.cleanup import child_processes, on_leaving
from netsurgery.progress import processor_seconds

BUSY = """
import sys, time
while time.process_time() < {seconds}: pass
print("through", flush=True)
sys.stdin.read()
"""
USED = 0.3
TICK = 0.02
"""What the system counts in, twice: once for a child's own time and once for the kernel's."""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells")
def test_a_child_process_counts_while_it_runs_and_when_it_has_ended() -> None:
    before = processor_seconds()
    command = [sys.executable, "-c", BUSY.format(seconds=USED)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        duty = on_leaving(process.kill, process.pid)
        assert process.pid in child_processes()
        process.stdout.readline()
        running = processor_seconds() - before
        assert running >= USED - TICK
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        duty.done()
    assert process.pid not in child_processes()
    # It is not counted twice, and not forgotten.
    assert running - TICK <= processor_seconds() - before < running + USED


def test_a_process_that_is_gone_or_not_ours_is_no_matter() -> None:
    duty = on_leaving(lambda: None, 2**30)
    try:
        assert processor_seconds() >= 0
    finally:
        duty.done()
