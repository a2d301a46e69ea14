"""How many threads linear algebra gets, and who hands out the work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from netsurgery.linalg import threads
from netsurgery.linalg.threads import (
    SMALL_WORK,
    VARIABLES,
    in_parallel,
    single_blas,
    thread_count,
)

LARGE = 2 * SMALL_WORK


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def several(monkeypatch):
    """Three threads, whatever this machine has."""
    monkeypatch.setattr(threads, "thread_count", lambda: 3)


def pools() -> set[int]:
    """The numbers of threads that the loaded BLAS libraries have."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def in_new_process(code: str, **variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**clean, **variables}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_answers_come_in_the_order_of_the_items(several):
    assert in_parallel(lambda item: item * item, range(50), LARGE) == [n * n for n in range(50)]


def test_several_items_are_worked_on_at_once(several):
    together = threading.Barrier(3, timeout=30)  # which breaks if fewer than three ever wait
    in_parallel(lambda item: together.wait(), range(6), LARGE)


@pytest.mark.parametrize("work", [0.0, SMALL_WORK])
def test_small_work_stays_in_the_thread_that_asks(several, work):
    found = in_parallel(lambda item: threading.get_ident(), range(9), work)
    assert set(found) == {threading.get_ident()}


def test_no_item_is_made_before_it_is_wanted(several):
    """Blocks that are copied are not all in memory at once."""
    made, most, lock = [0], [0], threading.Lock()

    def items():
        for number in range(40):
            with lock:
                made[0] += 1
                most[0] = max(most[0], made[0])
            yield number

    def consume(item):
        with lock:
            made[0] -= 1

    in_parallel(consume, items(), LARGE)
    assert most[0] <= 3


def test_the_first_error_is_raised_and_ends_the_work(several):
    seen = []

    def fail(item):
        seen.append(item)
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item"):
        in_parallel(fail, range(1000), LARGE)
    assert len(seen) <= 3


def test_an_error_of_what_makes_the_items_is_raised(several):
    def items():
        yield 1
        raise OSError("cut")

    with pytest.raises(OSError, match="cut"):
        in_parallel(lambda item: item, items(), LARGE)


def test_blas_has_one_thread_within_and_what_it_had_behind(several):
    with threadpool_limits(3):  # as a program that gave its BLAS three
        assert set(map(max, in_parallel(lambda item: pools(), range(3), LARGE))) == {1}
        assert pools() == {3}


def test_limits_of_several_threads_leave_none_behind(several):
    """The one who came first leaves first."""
    with threadpool_limits(3):
        first, second = single_blas(), single_blas()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert pools() == {1}
        second.__exit__(None, None, None)
        assert pools() == {3}


def test_a_number_that_the_user_set_is_how_many_work(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5,2")
    assert thread_count() == 5
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    assert thread_count() == 7


@pytest.mark.parametrize("value", ["", "many", "0", "-1"])
def test_what_is_no_number_of_threads_does_not_count(monkeypatch, value):
    monkeypatch.setattr(threads, "_cores", lambda: 6)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", value)
    assert thread_count() == 6


@pytest.mark.parametrize(
    ("text", "count"), [("200000 100000", 2), ("max 100000", 8), ("50000 100000", 1)]
)
def test_a_container_may_use_its_share_of_the_cores(monkeypatch, tmp_path, text, count):
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert thread_count() == count


AT_THE_START = """
from netsurgery.linalg import keep_blas_single, outer_environment, thread_count
{before}
keep_blas_single()
import numpy, scipy.linalg, threadpoolctl
threads = {{pool["num_threads"] for pool in threadpoolctl.threadpool_info()}}
print(sorted(threads), "OPENBLAS_NUM_THREADS" in outer_environment())
"""


@pytest.mark.parametrize("before", ["", "import numpy", "import scipy.linalg"])
def test_a_program_starts_blas_with_one_thread_and_hands_on_nothing_of_it(before):
    """Whether BLAS was loaded before or is loaded later."""
    assert in_new_process(AT_THE_START.format(before=before)) == "[1] False"


def test_a_program_leaves_blas_as_the_user_set_it():
    code = AT_THE_START.format(before="")
    most = min(2, os.cpu_count() or 1)  # OpenBLAS makes no more than there are cores
    assert in_new_process(code, OPENBLAS_NUM_THREADS="2") == f"[{most}] True"


def test_products_of_blocks_are_the_same_with_any_number_of_threads(monkeypatch):
    matrix = np.random.default_rng(0).standard_normal((300, 200)).astype(np.float32)
    found = []
    for count in (1, 2, 5):
        monkeypatch.setattr(threads, "thread_count", lambda count=count: count)
        blocks = (matrix[start : start + 64] for start in range(0, 300, 64))
        with single_blas():
            found.append(np.concatenate(in_parallel(lambda one: one @ matrix.T, blocks, LARGE)))
    assert all(np.array_equal(found[0], other) for other in found[1:])
