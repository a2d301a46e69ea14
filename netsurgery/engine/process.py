"""A child process that answers one request at a time, and what is known when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.cleanup import Duty, on_leaving, undisturbed
from netsurgery.engine.workers.channel import GREETING, read_frame, write_frame
from netsurgery.linalg import outer_environment

WORKERS = Path(__file__).parent / "workers"

Answer = Tuple[Dict[str, Any], List[np.ndarray]]

_SET_PIPE_SIZE = 1031  # fcntl.F_SETPIPE_SZ, which Python names from 3.10 on
_PIPE_SIZE = 1024 * 1024
_STDERR_KEPT = 64 * 1024
_SECONDS_TO_LEAVE = 2.0
_LIKELY_CAUSES = {
    "SIGKILL": "most often the machine ran out of memory",
    "SIGSEGV": "a crash inside the engine",
    "SIGABRT": "the engine gave up",
    "SIGILL": "the engine was built for another processor",
}


class ChildFailedError(Exception):
    """The child died, never started, or answered with an error.

    Attributes:
        problem: What happened, in one line.
        stderr: What the child had printed, the last 64 KB; complete, as the child is gone.
    """

    def __init__(self, problem: str, stderr: str = "") -> None:
        self.problem = problem
        self.stderr = stderr
        super().__init__(problem)


class Worker:
    """A script of ``engine/workers`` in a child process of any interpreter.

    The child lives until :meth:`close`, the first failure, or the end of this process. Any
    exception during a request, Ctrl-C too, ends it: a half-read answer cannot be resumed.
    """

    def __init__(
        self,
        python: str,
        script: Path,
        environment: Mapping[str, str],
        timeout: Optional[float] = None,
    ) -> None:
        """Start ``script``.

        Args:
            python: Path of the interpreter.
            script: The script to run.
            environment: Variables on top of the ones of this process.
            timeout: Seconds that a single request may take.

        Raises:
            ChildFailedError: There is no such interpreter, or it cannot be run.
        """
        self._timeout = timeout
        self._end = ""
        self._greeted = False
        try:
            # -B: no .pyc of another Python beside our files.
            self._process, duty = _start([python, "-B", str(script)], environment)
        except OSError as error:
            raise ChildFailedError(f"cannot run {python}: {error.strerror}") from None
        _widen(self._process.stdin)
        _widen(self._process.stdout)
        # Also for a worker that is forgotten: Popen itself would keep such a child running.
        self._reap = weakref.finalize(self, _reap, self._process, duty)
        self._noise = bytearray()
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stderr, self._noise), daemon=True
        )
        self._listener.start()

    def request(self, command: str, arrays: Sequence[np.ndarray] = (), **arguments: Any) -> Answer:
        """Send one request and wait for its answer.

        Raises:
            ChildFailedError: The child died, took too long or answered with an error; it is
                gone then.
        """
        if self._end:
            raise ChildFailedError(self._end)
        try:
            with self._deadline():
                self._await_greeting()
                header = {"command": command, "arguments": arguments}
                write_frame(self._process.stdin, header, arrays)
                answer, results = read_frame(self._process.stdout)
        except (OSError, EOFError):
            raise self._fail() from None
        except BaseException:
            self.kill()
            raise
        if "error" in answer:
            self._end = f"{answer['kind']}: {answer['error']}"
            raise self._fail()
        return answer, results

    def close(self) -> None:
        """End the child at once: it has answered, and what it holds is wanted no more."""
        self.kill()

    def kill(self) -> None:
        """End the child at once and release its pipes."""
        self._end = self._end or "the session is closed"
        self._reap()
        self._listener.join(_SECONDS_TO_LEAVE)

    def _await_greeting(self) -> None:
        # A wrapper script or a sitecustomize may print before the worker has the pipe.
        while not self._greeted:
            line = _stream(self._process.stdout).readline()
            if not line:
                raise EOFError
            self._greeted = line.endswith(GREETING)

    def _fail(self) -> ChildFailedError:
        self._let_leave()
        self._end = self._end or describe_exit(self._process.poll())
        self.kill()
        return ChildFailedError(self._end, self._noise.decode("utf-8", "replace"))

    def _let_leave(self) -> None:
        with contextlib.suppress(OSError):
            _stream(self._process.stdin).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_LEAVE)

    @contextlib.contextmanager
    def _deadline(self) -> Iterator[None]:
        if self._timeout is None:
            yield
            return
        timer = threading.Timer(self._timeout, self._run_out)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _run_out(self) -> None:
        self._end = f"gave no answer within {self._timeout:g} s and was stopped"
        self._process.kill()


def describe_exit(code: Optional[int]) -> str:
    """Say in words how a process ended, from its ``returncode`` (None: it has not)."""
    if code is None:
        return "stopped answering"
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    cause = f": {_LIKELY_CAUSES[name]}" if name in _LIKELY_CAUSES else ""
    return f"was killed by signal {-code} ({name}{cause})"


def _stream(stream: Optional[IO[bytes]]) -> IO[bytes]:
    assert stream is not None, "Popen was given PIPE"
    return stream


def _widen(stream: Optional[IO[bytes]]) -> None:
    # Arrays pass two to three times faster through a pipe of 1 MB than through one of 64 KB.
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(_stream(stream), _SET_PIPE_SIZE, _PIPE_SIZE)


def _start(
    command: List[str], environment: Mapping[str, str]
) -> Tuple[subprocess.Popen[bytes], Duty]:
    with undisturbed():
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**outer_environment(), **environment},
        )
        return process, on_leaving(process.kill, process.pid)


def _reap(process: subprocess.Popen[bytes], duty: Duty) -> None:
    process.kill()
    process.wait()
    duty.done()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            _stream(stream).close()


def _listen(stderr: IO[bytes], noise: bytearray) -> None:
    # Reads all the time: a full pipe would stop the child.
    with stderr:
        for piece in iter(lambda: os.read(stderr.fileno(), 4096), b""):
            noise += piece
            del noise[:-_STDERR_KEPT]
