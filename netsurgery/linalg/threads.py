"""How many threads linear algebra gets, and who hands out the work.

A BLAS that divides one product among its own threads has them wait for each other at the end of
every step: small matrices take longer than on one thread, and where another process holds one core,
all cores wait for it. So:

- The command line starts BLAS with one thread (`keep_blas_single`). A library does not decide that
  for the program that calls it; within `in_parallel` BLAS has one thread in any case.
- Small work, below `SMALL_WORK`, runs in the thread that asks for it.
- Large work is cut into blocks that do not depend on each other, a few for each thread, and
  `in_parallel` has Python threads take the next block when they are done with one (NumPy's products
  release the interpreter's lock). None waits for another before the last block, so a core that
  others use does fewer blocks and holds nobody up.
- A number of threads that the user set for BLAS, in one of `VARIABLES`, is how many work, in all.
- Child processes get the environment that the user gave (`outer_environment`): what their own
  BLAS does is for whoever starts them to say (`blas_variables`).

How blocks are cut must depend on the shapes alone, never on the number of threads, so that the same
numbers come out on every machine with the same BLAS.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, TypeVar

VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OMP_NUM_THREADS",
)
"""What users set to say how many threads BLAS is to have; of several the first one counts."""
SMALL_WORK = 2e8
"""Floating point operations, some milliseconds, below which threads cost more than they bring."""

_QUOTA = Path("/sys/fs/cgroup/cpu.max")

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def thread_count() -> int:
    """Return how many threads may work at once: what the user set, or the cores at hand.

    Those are the cores that this process may run on, and no more than its container may use.
    """
    return _users_count(outer_environment()) or _cores()


def keep_blas_single() -> None:
    """Have BLAS work on one thread in this process from now on, unless the user said otherwise.

    For the start of a program: a BLAS that is loaded later then makes no threads at all.
    """
    if _users_count(os.environ):
        return
    if "numpy" in sys.modules:
        _single.enter()
    for name in VARIABLES:
        os.environ[name] = _ours[name] = "1"


def outer_environment() -> Dict[str, str]:
    """Return the environment as the user gave it, for child processes."""
    return {name: value for name, value in os.environ.items() if _ours.get(name) != value}


def blas_variables(count: int) -> Dict[str, str]:
    """Return variables that give the BLAS of a child process some threads.

    Args:
        count: How many. None are set where the user said how many.
    """
    if _users_count(outer_environment()):
        return {}
    return {name: str(count) for name in VARIABLES}


@contextmanager
def single_blas() -> Iterator[None]:
    """Have BLAS work on one thread, in all threads of this process, for the time of a ``with``."""
    _single.enter()
    try:
        yield
    finally:
        _single.leave()


def in_parallel(
    function: Callable[[Item], Answer],
    items: Iterable[Item],
    work: float,
    most: Optional[int] = None,
) -> List[Answer]:
    """Return what a function answers for each item, in order, several worked on at once.

    Args:
        function: Depends on its item alone, and spends its time in NumPy or in files.
        items: Taken one at a time, when a thread is free.
        work: Floating point operations of all items together, about.
        most: How many are worked on at once at most.

    Raises:
        Exception: The first that the function, or what makes the items, raised; no further item is
            taken after it.
    """
    count = thread_count() if work > SMALL_WORK else 1
    count = count if most is None else min(count, most)
    if count == 1:
        return [function(item) for item in items]
    with single_blas():
        return _Shift(function, items).run(count)


class _Shift:
    """Threads that take item after item until there is none left."""

    def __init__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> None:
        self._function = function
        self._items = enumerate(items)
        self._lock = threading.Lock()
        self._answers: Dict[int, Any] = {}
        self._error: Optional[BaseException] = None

    def run(self, count: int) -> List[Any]:
        others = [threading.Thread(target=self._work, daemon=True) for _ in range(count - 1)]
        for other in others:
            other.start()
        self._work()
        for other in others:
            other.join()
        if self._error is not None:
            raise self._error
        return [self._answers[number] for number in range(len(self._answers))]

    def _work(self) -> None:
        try:
            for number, item in iter(self._next, None):
                self._answers[number] = self._function(item)
        except BaseException as error:  # raised again where it was asked for
            self._error = self._error or error

    def _next(self) -> Optional[Tuple[int, Any]]:
        with self._lock:
            return None if self._error else next(self._items, None)


class _SingleThread:
    """The limit of one thread on the BLAS of this process, shared by all that ask for it.

    Whoever comes first sets it and whoever leaves last takes it back: limits that several threads
    set and take back in any order would leave one of them behind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._limit is None and not _ours:  # else BLAS started with one
                self._limit = _pools().limit(limits=1)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._limit is not None:
                self._limit.restore_original_limits()
                self._limit = None


_ours: Dict[str, str] = {}
_single = _SingleThread()
_known_pools: Dict[bool, Any] = {}


def _pools() -> Any:
    """The BLAS libraries that are loaded: SciPy brings one of its own."""
    with_scipy = "scipy.linalg" in sys.modules
    if with_scipy not in _known_pools:
        from threadpoolctl import ThreadpoolController

        _known_pools[with_scipy] = ThreadpoolController().select(user_api="blas")
    return _known_pools[with_scipy]


def _users_count(environment: Any) -> int:
    for name in VARIABLES:
        first = environment.get(name, "").split(",")[0].strip()  # OMP takes one for each level
        if first.isdigit() and int(first):
            return int(first)
    return 0


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(count, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one that says "max"
        return count
