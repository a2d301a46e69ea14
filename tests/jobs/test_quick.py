"""Plans in a hurry: what they leave out, and that they say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List

import pytest
from command_line import netsurgery

import netsurgery as ns
from netsurgery.errors import RequestError
from netsurgery.jobs.quick import INPUTS, JOINT, TRIALS
from netsurgery.planning import Plan

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PAIR = DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel"
MANY = 100
__all__ = ["netsurgery"]
HALF = ns.Budget(macs=0.5)


def fitted(count: int = MANY, **more: Any) -> dict[str, Any]:
    return {"budget": HALF, "calibrate": DIGITS / "train.npz", "samples": count, **more}


def tasks(plan: Plan) -> List[str]:
    assert plan.timings is not None
    return list(plan.timings.tasks["planning"].tasks)


@pytest.mark.usefixtures("opencv")
def test_nothing_is_tried_and_nothing_carried_out(tmp_path: Path) -> None:
    plan = ns.plan(PAIR, ns.PlanRequest(**fitted(quick=True)), tmp_path / "plan.yaml")
    assert tasks(plan) == ["choices"]
    assert plan.expected.score == "output"
    assert plan.expected.measured is None
    assert plan.expected.untried == (TRIALS, JOINT, f"{MANY - INPUTS} of {MANY} inputs")
    assert Plan.load(tmp_path / "plan.yaml").expected.untried == plan.expected.untried
    # No more than a few inputs were run.
    assert plan.timings is not None
    assert plan.timings.counts["forward passes"] <= INPUTS
    whole = ns.plan(PAIR, ns.PlanRequest(**fitted()))
    assert tasks(whole) == ["trials", "choices", "joint result"]
    assert whole.expected.untried == ()
    assert "untried" not in whole.expected.to_dict()
    assert plan.expected.left["macs"] <= 0.5 * plan.expected.whole["macs"]


@pytest.mark.usefixtures("opencv")
def test_few_inputs_are_all_looked_at() -> None:
    plan = ns.plan(PAIR, ns.PlanRequest(**fitted(20, quick=True)))
    assert plan.expected.untried == (TRIALS, JOINT)
    assert ns.plan(PAIR, ns.PlanRequest(**fitted(20, quick=True, score="output"))) == plan


@pytest.mark.usefixtures("opencv")
def test_a_quick_compression_is_fitted_and_proved_like_any(netsurgery, tmp_path: Path) -> None:
    given = (*PAIR, "--macs", 0.5, "--calibrate", DIGITS / "train.npz", "--samples", MANY)
    for command in ("compress", "thin"):
        done = netsurgery(command, *given, "--quick", "-o", tmp_path / command)
        assert done.status == 0
        assert f"not tried, as it was to be quick: {TRIALS}" in done.out
        record = json.loads((tmp_path / command / "netsurgery.json").read_text())
        assert TRIALS in record["plan"]["expected"]["untried"]
        assert record["proof"]["passed"] in (True, False)
        assert (JOINT in record["plan"]["expected"]["untried"]) == (command == "compress")


@pytest.mark.usefixtures("opencv")
def test_a_sweep_in_a_hurry_measures_nothing() -> None:
    swept = ns.sweep(
        PAIR, ns.SweepRequest(**{**fitted(quick=True), "budget": None}, sweep=(0.5, 0.7))
    )
    plans = [point.plan for point in swept.points if point.plan is not None]
    assert len(plans) == 2
    assert all(plan.expected.measured is None for plan in plans)
    assert all(plan.expected.untried[:2] == (TRIALS, JOINT) for plan in plans)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"score": "effect"}, "that is tried, which takes long"),
        ({"score": "metric", "metric": "m:f"}, "that is tried, which takes long"),
        ({"max_loss": 0.01}, "what is lost is measured"),
        ({"calibrate": None, "samples": None}, "`quick` needs `calibrate`"),
    ],
)
def test_what_takes_long_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        ns.plan(PAIR, ns.PlanRequest(**{**fitted(quick=True), **more}))
    with pytest.raises(RequestError, match="`quick` needs"):
        ns.plan(PAIR, ns.PlanRequest(rank={"fc3": 4}, quick=True))
