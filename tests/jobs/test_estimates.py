"""How long jobs will take on this machine, by what earlier ones took."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List

import pytest
from small_models import two_layers

import netsurgery as ns
from netsurgery.jobs import estimates
from netsurgery.jobs.estimates import (
    FILE,
    KEPT,
    Durations,
    Machine,
    look_at_machine,
    told_beforehand,
    took_of,
)
from netsurgery.jobs.workload import Workload, work_of_pair, work_of_plan
from netsurgery.progress import Event, Progress, Timing

TRIALS, PROOF = ("planning", "trials"), ("proof",)
WORK = {TRIALS: 10.0, PROOF: 2.0}


def timed(trials: float, proof: float) -> Timing:
    planning = Timing("planning", trials, tasks={"trials": Timing("trials", trials)})
    return Timing("", trials + proof, tasks={"planning": planning, "proof": Timing("proof", proof)})


def test_what_is_not_known_is_told_by_the_speed_of_the_machine(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        assert Durations(folder).corrected("plan", WORK, 3.0).seconds == {TRIALS: 30, PROOF: 6}
    assert not list(tmp_path.iterdir())


def test_what_it_took_last_time_is_told_the_next_time(tmp_path: Path) -> None:
    Durations(tmp_path).learn("plan", WORK, timed(70, 1))
    again = Durations(tmp_path).corrected("plan", WORK, 3.0).seconds
    assert again == {TRIALS: pytest.approx(70), PROOF: pytest.approx(1)}
    # Of a job of another name, or of twice the work, the machine tells, or the same factor.
    assert Durations(tmp_path).corrected("thin", WORK, 3.0).total == 36
    twice = Durations(tmp_path).corrected("plan", {TRIALS: 20.0}, 3.0).seconds
    assert twice == {TRIALS: pytest.approx(140)}


def test_of_several_runs_those_of_as_much_work_tell_most(tmp_path: Path) -> None:
    durations = Durations(tmp_path)
    durations.learn("plan", {TRIALS: 10.0}, timed(10, 1))
    durations.learn("plan", {TRIALS: 1000.0}, timed(8000, 1))
    assert durations.corrected("plan", {TRIALS: 10.0}, 1.0).total == pytest.approx(10, rel=0.01)
    assert durations.corrected("plan", {TRIALS: 1000.0}, 1.0).total == pytest.approx(8000, rel=0.01)
    for _ in range(3 * KEPT):
        durations.learn("plan", {TRIALS: 10.0}, timed(20, 1))
    assert durations.corrected("plan", {TRIALS: 10.0}, 1.0).total == pytest.approx(20)
    entries = json.loads((tmp_path / FILE).read_text())[1:]
    assert [len(one["values"]["runs"]) for one in entries] == [KEPT]


def test_a_run_on_a_busy_machine_counts_as_on_an_idle_one(tmp_path: Path) -> None:
    Durations(tmp_path).learn("plan", WORK, timed(40, 8), others=4.0)
    assert Durations(tmp_path).corrected("plan", WORK, 1.0).total == pytest.approx(12)
    assert Durations(tmp_path).corrected("plan", WORK, 1.0, 2.0).total == pytest.approx(24)


def test_what_is_over_soon_or_was_not_done_is_not_learnt(tmp_path: Path) -> None:
    Durations(tmp_path).learn("plan", WORK, timed(0.5, 0.1))
    assert not list(tmp_path.iterdir())
    assert took_of(timed(3, 1), ("planning", "choices")) is None
    Durations(tmp_path).learn("plan", {("planning", "choices"): 1.0}, timed(3, 1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "notes of mine", '[{"netsurgery measurements": 1}\n,{}]'])
def test_a_file_that_tells_nothing_is_no_matter(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    assert Durations(tmp_path).corrected("plan", WORK, 1.0).total == 12
    if content == "notes of mine":
        Durations(tmp_path).learn("plan", WORK, timed(40, 8))
        assert (tmp_path / FILE).read_text() == content


def test_the_machine_is_looked_at_for_a_moment() -> None:
    ticks = iter(range(1000))
    seen = look_at_machine(clock=lambda: float(next(ticks)), processor=lambda: 0.0)
    assert seen == (10.0, 1.0)  # a second for a small product, and a clock that tells nothing
    assert next(ticks) < 10
    assert look_at_machine().others >= 1.0


class Turns:
    """A machine on which others run in between: of so many turns of 4 ms this process has one."""

    def __init__(self, turns: int) -> None:
        self.turns, self.now, self.used = turns, 0.0, 0.0

    def clock(self) -> float:
        """A look at it takes a tenth of a millisecond of processor time."""
        before = int(self.used / 0.004)
        self.used += 1e-4
        self.now += 1e-4 + (int(self.used / 0.004) - before) * 0.004 * (self.turns - 1)
        return self.now


@pytest.mark.parametrize("turns", [1, 2, 5, 10])
def test_what_other_processes_leave_is_tried(turns: int) -> None:
    """Whatever their number, their priority and what the load average says of a minute ago."""
    machine = Turns(turns)
    seen = look_at_machine(0.1, machine.clock, lambda: machine.used)
    assert turns / 1.6 < seen.others < turns * 1.6  # two turns of ten tell no more
    assert seen.slower == pytest.approx(1e-4 / 2.8e-4, rel=0.01)  # as if it were idle


def test_a_look_at_the_machine_is_short_beside_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: List[float] = []

    def look(most: float) -> Machine:
        looked.append(most)
        return Machine()

    monkeypatch.setattr(estimates, "look_at_machine", look)
    for seconds in (0.05, 0.5, 60.0):
        with told_beforehand(Progress(), "plan", {TRIALS: seconds}, None):
            pass
    assert looked == [pytest.approx(0.01), pytest.approx(0.1)]


def test_what_was_learnt_on_a_busy_machine_is_told_on_an_idle_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """How busy it was is looked at before and after."""
    now, looks = [0.0], [2.0, 8.0, 1.0, 1.0]
    monkeypatch.setattr(estimates, "look_at_machine", lambda most: Machine(1.0, looks.pop(0)))
    for seconds, told in ((40.0, 20.0), (10.0, 10.0)):
        work = Progress(None, lambda: now[0], lambda: 0.0)
        with told_beforehand(work, "plan", {TRIALS: 10.0}, tmp_path):
            assert work.forecast is not None
            assert work.forecast.total == pytest.approx(told)
            with work.task("planning"), work.task("trials"):
                now[0] += seconds
    assert not looks


def test_a_job_is_told_of_before_it_begins_and_learnt_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(estimates, "look_at_machine", lambda most: Machine())
    heard: List[Event] = []
    now = [0.0]
    work = Progress(heard.append, lambda: now[0], lambda: 0.0)
    with told_beforehand(work, "plan", WORK, tmp_path):
        assert [event.tasks for event in heard] == [()]
        assert heard[0].expected is not None
        with work.task("planning"), work.task("trials"):
            now[0] += 50
    found = Durations(tmp_path).corrected("plan", {TRIALS: 10.0}, 1.0).total
    assert found == pytest.approx(50)
    nothing = Progress(heard.append)
    with told_beforehand(nothing, "plan", {TRIALS: 0.0}, tmp_path):
        assert nothing.left() is None


def test_work_grows_with_what_makes_work() -> None:
    model = two_layers()
    work = Workload.of(model)
    assert work.layers == 2
    assert work.channels == 37
    assert work.bytes == 4 * (32 * 48 + 32 + 5 * 32 + 5)
    budget = ns.Budget(macs=0.5)

    def seconds(request: ns.PlanRequest, inputs: int) -> float:
        return sum(work_of_plan(model, request, inputs).values())

    effect, output = (ns.PlanRequest(budget=budget, score=one) for one in ("effect", "output"))
    assert seconds(effect, 100) > seconds(output, 100)
    assert seconds(effect, 10_000) > seconds(effect, 100)
    assert seconds(ns.PlanRequest(max_loss=0.01), 100) > seconds(effect, 100)


def test_tasks_that_are_expected_are_those_that_are_told(tmp_path: Path, opencv: None) -> None:
    """What a forecast calls a task by is what the job calls it, or else it would not be heard."""
    digits = Path(__file__).resolve().parents[2] / "examples" / "digits"
    pair = digits / "deploy.prototxt", digits / "digits.caffemodel"
    budget = ns.Budget(macs=0.6)
    fitted = {"calibrate": digits / "train.npz", "samples": 40, "cache": None}
    compress = ns.CompressRequest(budget=budget, **fitted)  # type: ignore[arg-type]
    thin = ns.ThinRequest(budget=budget, **fitted)  # type: ignore[arg-type]
    done: Dict[str, Timing] = {}
    for name, job, request in (("a", ns.compress, compress), ("b", ns.thin, thin)):
        timing = job(pair, request, tmp_path / name).timings
        assert timing is not None
        done[name] = timing
        expected = work_of_pair(ns.load(*pair), request, 40, 40)
        missing = [path for path in expected if took_of(timing, path) is None]
        assert not missing
