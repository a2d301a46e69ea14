"""Children that die, hang, chatter or do not exist, in place of an engine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest

from netsurgery.engine.process import WORKERS, ChildFailedError, Worker, describe_exit

FAKE = f"""
import os, signal, subprocess, sys, time
sys.path.insert(0, {str(WORKERS)!r})
import channel
print("noise before the worker has the pipe")

class Fake(object):
    def echo(self, arrays):
        print("noise on stdout")
        os.write(1, b"noise on descriptor 1")
        subprocess.call([sys.executable, "-c", "print('noise of a grandchild')"])
        return {{"read": sys.stdin.read()}}, arrays

    def die(self, arrays, number):
        os.write(2, b"last words")
        os.kill(os.getpid(), number)

    def leave(self, arrays):
        os._exit(3)

    def sleep(self, arrays):
        time.sleep(600)

    def chatter(self, arrays):
        os.write(2, b"x" * 1000000 + b"the end")
        raise RuntimeError("enough")

channel.serve(Fake())
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "fake_worker.py"
    path.write_text(FAKE)
    return path


@pytest.fixture
def worker(script: Path) -> Iterator[Worker]:
    worker = Worker(sys.executable, script, {})
    yield worker
    worker.close()


def is_gone(worker: Worker) -> bool:
    """Whether the child has been waited for: neither running nor a zombie."""
    try:
        os.kill(worker._process.pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_noise_on_stdout_does_not_reach_the_pipe(worker: Worker) -> None:
    sent = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((0, 4), np.int64)]
    for _ in range(2):
        answer, results = worker.request("echo", sent)
        assert answer == {"read": ""}
        assert [r.dtype for r in results] == [s.dtype for s in sent]
        assert all(np.array_equal(r, s) and r.shape == s.shape for r, s in zip(results, sent))


def test_arrays_larger_than_any_pipe_pass_both_ways(worker: Worker) -> None:
    big = np.random.default_rng(0).standard_normal((25, 1000, 1000)).astype(np.float32)
    _, (back,) = worker.request("echo", [big])
    assert np.array_equal(back, big)


@pytest.mark.parametrize(
    ("number", "name"), [(11, "SIGSEGV"), (6, "SIGABRT"), (9, "SIGKILL: most often the machine")]
)
def test_a_killed_child_is_reported_with_its_signal(worker: Worker, number: int, name: str) -> None:
    with pytest.raises(ChildFailedError, match=rf"killed by signal {number} \({name}") as failure:
        worker.request("die", number=number)
    assert failure.value.stderr.endswith("last words")
    assert is_gone(worker)


def test_a_child_that_leaves_is_reported_with_its_exit_code(worker: Worker) -> None:
    with pytest.raises(ChildFailedError, match="ended with exit code 3"):
        worker.request("leave")


def test_a_slow_child_is_stopped_at_the_timeout(script: Path) -> None:
    worker = Worker(sys.executable, script, {}, timeout=0.5)
    with pytest.raises(ChildFailedError, match=r"no answer within 0\.5 s"):
        worker.request("sleep")
    assert is_gone(worker)


def test_stderr_is_drained_and_its_end_kept(worker: Worker) -> None:
    with pytest.raises(ChildFailedError, match="RuntimeError: enough") as failure:
        worker.request("chatter")
    assert failure.value.stderr.endswith("xthe end")
    assert len(failure.value.stderr) == 64 * 1024


def test_after_a_failure_every_request_says_so(worker: Worker) -> None:
    for _ in range(2):
        with pytest.raises(ChildFailedError, match="exit code 3"):
            worker.request("leave")


def test_after_close_a_request_is_refused(worker: Worker) -> None:
    worker.close()
    assert is_gone(worker)
    with pytest.raises(ChildFailedError, match="closed"):
        worker.request("echo")


def test_an_exception_in_the_parent_ends_the_child(worker: Worker) -> None:
    with pytest.raises(TypeError):
        worker.request("echo", unknown=object())
    assert is_gone(worker)


def test_ctrl_c_ends_a_busy_child(script: Path, tmp_path: Path) -> None:
    # A job in the background starts with Ctrl-C ignored.
    program = f"""
import signal, sys
from pathlib import Path
from netsurgery.engine.process import Worker
signal.signal(signal.SIGINT, signal.default_int_handler)
worker = Worker(sys.executable, Path({str(script)!r}), {{}})
worker.request("echo")
print(worker._process.pid, flush=True)
try:
    worker.request("sleep")
except KeyboardInterrupt:
    sys.exit("interrupted")
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    time.sleep(0.2)  # into the second request
    os.killpg(parent.pid, 2)  # as a terminal does: to both
    _, stderr = parent.communicate(timeout=20)
    assert b"interrupted" in stderr
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_worker_that_is_forgotten_takes_its_child_along(script: Path) -> None:
    worker = Worker(sys.executable, script, {})
    worker.request("echo")
    child = worker._process.pid
    del worker
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.parametrize(
    ("python", "said"), [("nowhere", "No such file"), ("", "Permission denied")]
)
def test_an_interpreter_that_cannot_run_is_named(tmp_path: Path, python: str, said: str) -> None:
    with pytest.raises(ChildFailedError, match=f"cannot run {tmp_path}.*{said}"):
        Worker(str(tmp_path / python), tmp_path / "script.py", {})


def test_something_else_than_python_is_noticed(tmp_path: Path) -> None:
    worker = Worker("/bin/echo", tmp_path / "script.py", {})
    with pytest.raises(ChildFailedError, match="ended with exit code 0"):
        worker.request("echo")


def test_describe_exit_of_a_child_that_still_runs() -> None:
    assert describe_exit(None) == "stopped answering"
