"""How long the whole of a job will take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netsurgery.progress import Forecast, TaskTime, seconds_left

A, B, C = ("a",), ("b", "c"), ("d",)
FORECAST = Forecast({A: 10.0, B: 20.0, C: 30.0})


def test_what_is_not_begun_takes_what_was_expected() -> None:
    assert FORECAST.total == 60
    assert seconds_left(FORECAST, {}) == 60
    assert seconds_left(FORECAST, {A: TaskTime(10)}) == pytest.approx(50)
    assert seconds_left(FORECAST, {A: TaskTime(10), B: TaskTime(20), C: TaskTime(30)}) == 0


def test_what_was_passed_over_does_not_come_any_more() -> None:
    assert seconds_left(FORECAST, {C: TaskTime(0, True)}) == pytest.approx(30)


@given(st.floats(0.1, 10), st.floats(0.11, 1.0))
def test_a_slower_machine_is_seen_after_a_tenth(slower: float, through: float) -> None:
    """All tasks take as many times what was expected: the rest is told within a factor of two.

    The estimate is a mean of what was expected and of what is seen, which weigh alike at a tenth;
    from there on it is off by no more than the nearer half: within a factor of two for machines up
    to three times as slow or as fast.
    """
    slower = min(max(slower, 1 / 3), 3.0)
    at = through * FORECAST.total
    known, before = {}, 0.0
    for path, expected in FORECAST.seconds.items():
        share = min(max((at - before) / expected, 0.0), 1.0)
        if share:
            known[path] = TaskTime(expected * share * slower, share < 1, share)
        before += expected
    left = (FORECAST.total - at) * slower
    assert left / 2 - 1e-9 <= seconds_left(FORECAST, known) <= left * 2 + 1e-9


@given(st.floats(0.5, 1e4), st.integers(1, 99))
def test_a_task_that_is_counted_tells_its_own_pace(seconds: float, percent: int) -> None:
    alone = Forecast({A: seconds})
    share = percent / 100
    task = TaskTime(share * seconds, True, share)
    assert seconds_left(alone, {A: task}) == pytest.approx(seconds * (1 - share))


def test_a_task_that_takes_longer_than_expected_still_takes_some_time() -> None:
    alone = Forecast({A: 10.0})
    assert seconds_left(alone, {A: TaskTime(4.0, True)}) == pytest.approx(6.0)
    assert 1.0 < seconds_left(alone, {A: TaskTime(40.0, True)}) < 40.0
    assert seconds_left(alone, {A: TaskTime(40.0, True, 0.0)}) >= 40.0


TRACES = Path(__file__).parent / "traces"
OFTEN = 0.75
"""Share of a job in which the time left is told within a factor of two. The jobs were recorded
while eight others came and went on the same two processors, which is why it is not all of it."""


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("compress_1", "compress_2"),
        ("compress_2", "compress_1"),
        ("thin_1", "thin_2"),
        ("thin_2", "thin_1"),
    ],
)
@pytest.mark.parametrize("slower", [1.0, 1.5])
def test_jobs_as_they_went_are_told_by_what_they_took_before(
    before: str, now: str, slower: float
) -> None:
    """resnet20 of CIFAR-10 at 0.7 of its MACs, 64 images: from a tenth of the way on.

    The last twentieth is left out: it is over before it is read.
    """
    earlier, job = (json.loads((TRACES / f"{name}.json").read_text()) for name in (before, now))
    forecast = Forecast({tuple(k.split("/")): took / slower for k, took in earlier["took"].items()})
    ratios = []
    for at, tasks in job["seen"]:
        left = job["total"] - at
        if at >= 0.1 * job["total"] and left >= 0.05 * job["total"]:
            known = {tuple(path.split("/")): TaskTime(*facts) for path, facts in tasks.items()}
            ratios.append(seconds_left(forecast, known) / left)
    assert len(ratios) > 20
    assert sum(0.5 <= ratio <= 2 for ratio in ratios) >= OFTEN * len(ratios)
    assert all(0.25 <= ratio <= 4 for ratio in ratios)
