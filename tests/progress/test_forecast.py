"""How long the whole of a job will take."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import given, strategies as st
from traces import Moment, Open, Recorded, Replayed, read_trace, told_and_true

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
    to nearly three times as slow or as fast: a task's share tells a little less at its start.
    """
    slower = min(max(slower, 1 / 2.9), 2.9)
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
    # What it takes is as likely more as less; of a task that did not end at 4 that is a bit more.
    assert 6.0 < seconds_left(alone, {A: TaskTime(4.0, True)}) < 7.0
    assert 4.0 < seconds_left(alone, {A: TaskTime(10.0, True)}) < 6.0
    assert 4.0 <= seconds_left(alone, {A: TaskTime(40.0, True)}) < 40.0
    assert seconds_left(alone, {A: TaskTime(40.0, True, 0.0)}) >= 4.0


OFTEN = 0.9
"""Share of the way in which the time left is to be told within a factor of two."""
HARDER = 0.8
"""The same where fewer tasks are counted and starts are longer: short of what is to be."""


def synthetic(
    seed: int, often_counted: float = 0.85, longest_head: float = 0.2
) -> Tuple[Forecast, List[Moment]]:
    """A job of some tasks, on a machine that does other things, and what was expected of it.

    What the whole takes is off by the speed and the load of the machine, each task by itself too;
    of those that are counted an engine starts first, and items are no equals.
    """
    random = np.random.default_rng(seed)
    expected = dict(zip("abcde", random.lognormal(1.0, 1.0, random.integers(1, 6)).tolist()))
    machine, now = random.lognormal(0.0, 0.4), 0.0
    trace = [Moment(0.0, ())]
    for number, (name, seconds) in enumerate(expected.items()):
        whole = seconds * machine * random.lognormal(0.0, 0.3)
        parts = random.lognormal(0.0, 0.5, random.integers(4, 30))
        head, counted = random.uniform(0.0, longest_head), random.random() < often_counted
        weight = float(parts.sum()) if counted else 0.0
        trace.append(Moment(now, (Open(number, name, weight, 0.0),)))
        noisy = parts * random.lognormal(0.0, 0.3, len(parts))
        ends = now + whole * (head + (1 - head) * np.cumsum(noisy) / noisy.sum())
        if counted:
            for end, through in zip(ends, np.cumsum(parts)):
                trace.append(Moment(float(end), (Open(number, name, weight, float(through)),)))
        now += whole
    trace.append(Moment(now, ()))
    return Forecast({(name,): seconds for name, seconds in expected.items()}), trace


def test_time_left_is_told_within_a_factor_of_two_from_a_tenth_of_the_way_on() -> None:
    jobs = [synthetic(seed) for seed in range(60)]
    assert well_told(jobs) >= OFTEN
    assert well_told([synthetic(seed, 0.7, 0.4) for seed in range(60)]) >= HARDER
    # Without what is seen of the run itself that would not be so.
    fixed = [
        np.mean([0.5 <= (forecast.total - total * at) / (total * (1 - at)) <= 2 for at in ALONG])
        for forecast, trace in jobs
        for total in [trace[-1].at]
    ]
    assert np.mean(fixed) < OFTEN - 0.1


ALONG = np.linspace(0.1, 0.95, 100)


def well_told(jobs: List[Tuple[Forecast, List[Moment]]]) -> float:
    """In how much of the way the time left is told well, the mean of some jobs."""
    shares = [
        np.mean([0.5 <= told / true <= 2 for told, true in told_and_true(trace, forecast)])
        for forecast, trace in jobs
    ]
    return float(np.mean(shares))


def test_a_job_is_replayed_as_it_was_recorded(tmp_path: Path) -> None:
    forecast, file = Forecast({("a", "b"): 5.0, ("c",): 1.0}), tmp_path / "trace"
    with file.open("w", encoding="utf-8") as stream:
        work = Recorded(stream)
        with work.task("before"):
            pass
        work.expect(forecast)
        with work.task("a"):
            for _ in work.each(range(3), "b", "layers", weights=[3, 2, 1]):
                pass
        with work.task("c"):
            pass
        work.end()
    known, trace = read_trace(file)
    assert known == forecast
    told = [tuple((one.name, one.weight, one.through) for one in moment.tasks) for moment in trace]
    assert (("a", 0, 0), ("b", 6, 3)) in told
    assert (("a", 0, 0), ("b", 6, 5)) in told
    assert told[-1] == ()
    again = Replayed(forecast)
    for moment in trace:
        again.go_to(moment)
        if moment.tasks and moment.tasks[0].name == "c":
            assert again.progress.event.tasks[0].name == "c"
    assert again.progress.left() == 0
    assert list(again.progress.timings.tasks) == ["a", "c"]


@given(st.floats(0.0, 60.0), st.floats(0.5, 1e3), st.integers(2, 98))
def test_what_comes_before_the_first_item_says_nothing_of_the_others(
    head: float, rest: float, percent: int
) -> None:
    """The start of an engine, and what is learnt for all: it comes once."""
    alone, first = Forecast({A: head + rest}), 0.01
    share = max(percent / 100, 2 * first)
    pace = rest / (1 - first)
    task = TaskTime(head + (share - first) * pace, True, share, head, first)
    assert task.rest == pytest.approx((1 - share) * pace)
    left = seconds_left(alone, {A: task})
    # What was expected of the whole is right too, and bounded by the share that is left.
    assert (
        (1 - share) * pace * 0.99
        <= left
        <= max(1.5 * (1 - share) * pace, (1 - share) * (head + rest))
    )
