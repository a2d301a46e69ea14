"""Runs one command, within limits, and ends all that it started: a program of its own.

It is started as ``python -I -S warden.py`` and needs nothing but Python. It reads one line of JSON,
what to run, from its standard input, and writes one line of JSON, what came of it, to its standard
output. Until then its standard input stays open: where that ends, whoever asked has gone, killed
perhaps, and the warden kills what it watches and leaves. So no child outlives its batch.

The processes of a command are all that descend from the warden. On Linux those that were left by
their parents are given to it (PR_SET_CHILD_SUBREAPER), so that none escapes by leaving its session.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Any, Dict, List, Optional

BETWEEN = 0.05
"""Seconds between two looks at the processes, where these are quick."""
MOST_BETWEEN = 0.5
_PR_SET_CHILD_SUBREAPER = 36
_TRIES = 100
_LIST_OF_CHILDREN = "/proc/thread-self/children"


def tree(root: int) -> Dict[int, int]:
    """Return what each process that descends from one holds, without that one.

    That is the bytes that could not be read again from a file; where the system tells no more,
    those that are in memory.
    """
    known = _of_proc if os.path.isdir("/proc/self/task") else _of_ps
    return known(root)


def _of_proc(root: int) -> Dict[int, int]:
    found: Dict[int, int] = {}
    waiting = _children(root)
    while waiting:
        pid = waiting.pop()
        held = _held(pid)
        if held is not None and pid not in found:
            found[pid] = held
            waiting += _children(pid)
    return found


def _children(pid: int) -> List[int]:
    """The children of a process; where the kernel keeps no list of them, by their parents."""
    found: List[int] = []
    with contextlib.suppress(OSError):  # it has just ended
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as stream:
                found += map(int, stream.read().split())
        return found
    if os.path.exists("/proc/self/task") and not os.path.exists(_LIST_OF_CHILDREN):
        everybody = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return [one for one in everybody if _parent(one) == pid]
    return found


def _status(pid: int) -> Dict[bytes, bytes]:
    try:
        with open(f"/proc/{pid}/status", "rb") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return {}
    return dict(line.split(b":", 1) for line in lines if b":" in line)


def _parent(pid: int) -> int:
    return int(_status(pid).get(b"PPid", b"0"))


def _held(pid: int) -> Optional[int]:
    """The bytes of a process; None for one that has ended."""
    told = _status(pid)
    if told.get(b"State", b"Z").split()[:1] == [b"Z"]:
        return None
    kilobytes = (told.get(one, b"0").split()[0] for one in (b"RssAnon", b"RssShmem"))
    return 1024 * sum(map(int, kilobytes))


def _of_ps(root: int) -> Dict[int, int]:
    command = ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "rss="]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):  # Windows: no limit of memory holds there
        return {}
    rows = [tuple(map(int, line.split())) for line in told.splitlines()]
    found: Dict[int, int] = {}
    fathers = {root}
    while fathers:
        born = {pid: 1024 * held for pid, parent, held in rows if parent in fathers}
        fathers = set(born) - set(found)
        found.update(born)
    return found


class KeptOutput:
    """The beginning and the end of what a process prints, however much that is."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._first, self._last, self._most = bytearray(), bytearray(), most
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for data in iter(lambda: os.read(self._stream.fileno(), 65536), b""):
                room = self._most - len(self._first)
                self._first += data[:room]
                self._last += data[max(0, room) :]
                del self._last[: -self._most]

    def text(self) -> str:
        """Return it; to be asked when all that could write are gone."""
        self._thread.join(2.0)
        return (bytes(self._first) + bytes(self._last)).decode("utf-8", "replace")


class Watched:
    """A command that runs, with all that descends from it.

    Args:
        asked: ``command``, ``environment``, ``folder``, ``memory`` (bytes or null), ``timeout``
            (seconds or null), ``kept`` (bytes of each stream, twice), ``scratch`` (the folder that
            goes with it where whoever asked has gone).
    """

    def __init__(self, asked: Dict[str, Any]) -> None:
        self._scratch = asked["scratch"]
        self._memory, self._timeout = asked["memory"], asked["timeout"]
        self._began = time.monotonic()
        self._peak = 0
        self._process = subprocess.Popen(
            asked["command"],
            env=asked["environment"],
            cwd=asked["folder"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._abandoned = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        first_to_go(self._process.pid)
        assert self._process.stdout
        assert self._process.stderr
        self._out = KeptOutput(self._process.stdout, asked["kept"])
        self._err = KeptOutput(self._process.stderr, asked["kept"])

    def _listen(self) -> None:
        """Wait for the end of standard input."""
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self._abandoned.set()

    def run(self) -> Dict[str, Any]:
        """Wait for the end of it, or make one; returns what is to be told."""
        stopped = None
        while stopped is None:
            looked = time.monotonic()
            stopped = self._broken()
            # No more than a percent of a core is spent on looking.
            pause = min(max(BETWEEN, 100 * (time.monotonic() - looked)), MOST_BETWEEN)
            if stopped is None and self._ended(pause):
                break
        seconds = time.monotonic() - self._began
        self.end()
        if self._abandoned.is_set():
            # Nobody else will, and what was killed may have made it anew behind whoever cleared it.
            shutil.rmtree(self._scratch, ignore_errors=True)
        return {
            "stopped": stopped,
            "status": self._process.wait(),
            "seconds": seconds,
            "peak": self._peak,
            "out": self._out.text(),
            "err": self._err.text(),
        }

    def _ended(self, within: float) -> bool:
        """Whether the command ends within so many seconds, or there is no more to wait for."""
        until = time.monotonic() + within
        while time.monotonic() < until and not self._abandoned.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(BETWEEN)
                return True
        return False

    def _broken(self) -> Optional[str]:
        """Why it is to be stopped, if it is."""
        held = sum(tree(os.getpid()).values())
        self._peak = max(self._peak, held)
        if self._abandoned.is_set():
            return "abandoned"
        if self._memory is not None and held > self._memory:
            return "memory"
        over = self._timeout is not None and time.monotonic() - self._began > self._timeout
        return "timeout" if over else None

    def end(self) -> None:
        """Kill all that is left of it."""
        for _ in range(_TRIES):
            left = set(tree(os.getpid()))
            if self._process.poll() is None:
                left.add(self._process.pid)
            for pid in left:
                with contextlib.suppress(OSError):
                    _kill(pid)
            if not left:
                return
            time.sleep(0.005)


def first_to_go(pid: int) -> None:
    """Have a process killed before others when the machine runs out of memory, on Linux."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w") as stream:
        stream.write("1000")


def _kill(pid: int) -> None:
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)
    else:
        os.kill(pid, signal.SIGKILL)


def adopt_orphans() -> None:
    """Have processes whose parents end given to this one, where the system can."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def main() -> int:
    """Run what is asked for on standard input."""
    # Ctrl-C goes to all of a terminal's foreground: whoever asked says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked = json.loads(sys.stdin.buffer.readline())
    adopt_orphans()
    try:
        answer = Watched(asked).run()
    except OSError as error:
        answer = {"stopped": "unstarted", "status": -1, "seconds": 0.0, "peak": 0}
        answer |= {"out": "", "err": f"cannot run {asked['command'][0]}: {error.strerror}"}
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
