"""Long work told while it goes on, and its time taken."""

from __future__ import annotations

import threading
from typing import Callable, List, Optional

import pytest

from netsurgery.progress import Event, Forecast, Progress, TaskState, Timing, silent


class Machine:
    """A clock and a processor that a test sets."""

    def __init__(self) -> None:
        self.now, self.used = 100.0, 7.0

    def work(self, seconds: float, processors: float = 1.0) -> None:
        self.now += seconds
        self.used += seconds * processors

    def progress(self, tell: Optional[Callable[[Event], object]] = None) -> Progress:
        return Progress(tell, lambda: self.now, lambda: self.used)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_whoever_listens_hears_what_is_begun(machine: Machine) -> None:
    heard: List[Event] = []
    work = machine.progress(heard.append)
    with work.task("planning"):
        for layer in work.each(["conv1", "conv2"], "trials", "layers"):
            with work.task("running", 64, "inputs") as task:
                machine.work(1)
                task.advance(32)
            assert layer in str(heard[-1])
        work.begin("writing")
        work.begin("reading")
    told = [str(event) for event in heard]
    assert told == [
        "planning",
        "planning: trials, conv1, 1 of 2 layers",
        "planning: trials, conv1, 1 of 2 layers",
        "planning: trials, conv1, 1 of 2 layers",
        "planning: trials, conv2, 2 of 2 layers",
        "planning: trials, conv2, 2 of 2 layers",
        "planning: trials, conv2, 2 of 2 layers",
        "planning: writing",
        "planning: reading",
    ]
    assert heard[3].tasks[-1] == TaskState("running", "", 32, 64, "inputs")
    assert str(heard[3].tasks[-1]) == "running, 32 of 64 inputs"
    assert [event.seconds for event in heard] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert {event.left for event in heard} == {None}


def a_job(machine: Machine) -> Timing:
    """A job of 27 seconds: what its timings are."""
    work = machine.progress()
    machine.work(1)
    with work.task("planning"):
        machine.work(2, 0.5)
        for _ in work.each(range(3), "trials", "layers"):
            machine.work(4, 2)
            with work.task("fit"):
                machine.work(1)
                work.count("fits")
        machine.work(1)
    with work.task("proof"):
        work.begin("reading back")
        machine.work(3)
        work.begin("running")
        machine.work(5)
    return work.timings


def test_the_time_of_each_task_is_taken_by_name(machine: Machine) -> None:
    timings = a_job(machine)
    assert (timings.seconds, timings.processor) == (27, 38)
    planning, proof = timings.tasks["planning"], timings.tasks["proof"]
    assert (planning.seconds, planning.processor, planning.times) == (18, 29, 1)
    assert (planning.tasks["trials"].seconds, planning.tasks["trials"].processor) == (15, 27)
    fit = planning.tasks["trials"].tasks["fit"]
    assert (fit.seconds, fit.times, fit.counts) == (3, 3, {"fits": 3})
    assert timings.counts == planning.counts == {"fits": 3}
    seconds = {name: one.seconds for name, one in proof.tasks.items()}
    assert seconds == {"reading back": 3, "running": 5}


def test_timings_are_told_two_levels_deep(machine: Machine) -> None:
    timings = a_job(machine)
    assert [path for path, _ in timings.rows()] == [
        ("planning",),
        ("planning", "trials"),
        ("proof",),
        ("proof", "reading back"),
        ("proof", "running"),
    ]
    told = timings.to_dict()
    planning, proof = told.pop("tasks")
    assert told == {"seconds": 27, "processor_seconds": 38, "counts": {"fits": 3}}
    assert planning.pop("tasks") == [
        {"name": "trials", "seconds": 15, "processor_seconds": 27, "counts": {"fits": 3}}
    ]
    assert planning["name"] == "planning"
    assert proof == {
        "name": "proof",
        "seconds": 8,
        "processor_seconds": 8,
        "tasks": [
            {"name": "reading back", "seconds": 3, "processor_seconds": 3},
            {"name": "running", "seconds": 5, "processor_seconds": 5},
        ],
    }


def test_what_ends_early_ends_all_that_stands_in_it(machine: Machine) -> None:
    work = machine.progress()
    for number in work.each(range(5), "trials", "layers"):
        machine.work(1)
        if number == 1:
            break
    assert work.event.tasks == ()
    left = work.each(range(5), "left", "layers")
    with work.task("planning"):
        next(left)
        machine.work(1)
    assert work.event.tasks == ()
    left.close()  # type: ignore[attr-defined]
    assert {path: one.seconds for path, one in work.timings.rows()} == {
        ("trials",): 2,
        ("planning",): 1,
        ("planning", "left"): 1,
    }


def test_a_task_of_another_thread_stands_in_the_latest_of_the_first(machine: Machine) -> None:
    work = machine.progress()

    def beside() -> None:
        with work.task("fit"):
            machine.work(1)
            assert [task.name for task in work.event.tasks] == ["planning"]

    with work.task("planning"):
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
    assert work.timings.tasks["planning"].tasks["fit"].seconds == 1


def test_a_forecast_makes_the_time_left_that_of_the_whole(machine: Machine) -> None:
    heard: List[Event] = []
    work = machine.progress(heard.append)
    work.expect(Forecast({("planning", "trials"): 10.0, ("proof",): 10.0}))
    assert (heard[-1].expected, heard[-1].left) == (20, 20)
    with work.task("planning"):
        for _ in work.each(range(4), "trials", "layers", weights=[4, 3, 2, 1]):
            machine.work(10)
            assert work.left() is not None
        with work.task("joint result"):  # of which nothing was said
            # It took four times as long as expected, and so will the rest, for all that is known;
            # a tenth of the whole, 2 seconds, speaks for what was expected.
            assert work.left() == pytest.approx(10 * (2 + 40) / (2 + 10))
    with work.task("proof"):
        machine.work(20)
        # Of 35 seconds 20 are over; that it did not end yet makes more of them likely.
        left = work.left()
        assert left is not None
        assert 15 < left < 20
    assert work.left() == 0


def test_nobody_is_told_and_nothing_is_kept() -> None:
    with silent.task("planning"):
        assert list(silent.each([1, 2], "trials", "layers")) == [1, 2]
        silent.begin("writing")
        silent.count("fits")
        silent.expect(Forecast({("planning",): 1.0}))
    assert silent.timings.tasks == {}
    assert silent.event.tasks == ()
    assert silent.left() is None
    assert Progress.of(silent) is silent
    assert Progress.of(None) is not Progress.of(None)


def test_an_item_is_told_by_the_task_within_it(machine: Machine) -> None:
    """Ten steps of an item of four: the pace is known from the first steps, not the first item."""
    work = machine.progress()
    work.expect(Forecast({("rounds",): 400.0}))
    with work.task("rounds", 4, within="training") as rounds:
        for _ in range(2):
            with work.task("round"), work.task("training", 10, "steps") as steps:
                machine.work(2)
                for _ in range(10):
                    machine.work(1)
                    steps.advance()
                    if steps.done == 5 and not rounds.done:
                        early = work._known()[("rounds",)]
                        told = work.left()
            rounds.advance()
        late = work._known()[("rounds",)]
    assert (early.share, early.first, early.head) == (0.125, 0.025, 3.0)
    assert early.rest == pytest.approx(35.0)  # four seconds for a tenth of the whole
    assert told is not None
    assert told < 0.6 * 350  # of a tenth as much as was expected
    assert (late.share, late.head, late.first) == (0.5, 12.0, 0.25)
