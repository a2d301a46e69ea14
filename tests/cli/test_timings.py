"""Where the time of a command went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List

import pytest
from command_line import tables_in

import netsurgery as ns
from netsurgery.progress import Progress, Timing

RANK = ("--rank", "fc6=4")
PLAN = "plan.yaml"


def names(task: Any) -> List[str]:
    return [one["name"] for one in task.get("tasks", ())]


@pytest.mark.usefixtures("opencv")
def test_a_compression_tells_where_its_time_went(netsurgery, pair, tmp_path: Path) -> None:
    done = netsurgery("compress", *pair, *RANK, "-o", tmp_path / "out", "--timings")
    assert done.status == 0
    (table,) = tables_in(done.err)
    tasks = {row["task"]: row for row in table}
    assert next(iter(tasks)) == "planning"
    assert list(tasks)[-1] == "all"
    assert {"layers", "rewriting", "writing", "proof", "reading back", "running"} <= set(tasks)
    assert "seconds" not in done.out
    seconds = sum(float(tasks[name]["seconds"]) for name in ("planning", "writing", "proof"))
    # Three numbers of two decimals.
    assert seconds <= float(tasks["all"]["seconds"]) + 3 * 0.005 + 0.005


@pytest.mark.usefixtures("opencv")
def test_in_json_they_stand_beside_the_rest(netsurgery, pair, tmp_path: Path) -> None:
    commands = {
        "plan": ("plan", *pair, *RANK),
        "compress": ("compress", *pair, *RANK, "-o", tmp_path / "out"),
        "verify": ("verify", *pair, *pair),
        "inspect": ("inspect", *pair),
        "rank": ("rank", *pair),
    }
    for name, command in commands.items():
        without = json.loads(netsurgery(*command, "--json").out)
        done = netsurgery(*command, "--json", "--timings")
        assert done.err == "", name
        found = json.loads(done.out)
        timings = found.pop("timings")
        assert found.keys() == without.keys()
        assert timings["seconds"] >= sum(one["seconds"] for one in timings.get("tasks", ())) - 0.01
        if name == "plan":
            assert names(timings) == ["planning"]
            assert names(timings["tasks"][0]) == ["layers"]


def test_a_plan_on_standard_output_stays_a_plan(netsurgery, pair, tmp_path: Path) -> None:
    plain, timed = (netsurgery("plan", *pair, *RANK, *more) for more in ((), ("--timings",)))
    assert timed.out == plain.out
    assert "Where the time went" in timed.err
    netsurgery("plan", *pair, *RANK, "-o", tmp_path / PLAN)
    applied = netsurgery("apply", tmp_path / PLAN, *pair, "-o", tmp_path / "out", "--timings")
    tasks = [row["task"] for row in tables_in(applied.err)[0]]
    assert tasks == ["rewriting", "writing", "all"]


def test_results_of_the_library_hold_them(pair, tmp_path: Path) -> None:
    request = ns.PlanRequest(rank={"fc6": 4})
    work = Progress()
    plan = ns.plan(pair, request, progress=work)
    assert isinstance(plan.timings, Timing)
    assert list(plan.timings.tasks) == list(work.timings.tasks) == ["planning"]
    assert plan.timings.seconds <= work.timings.seconds
    assert plan == ns.plan(pair, request)
    assert "timings" not in plan.to_dict()
    heard: List[str] = []
    written = ns.write_applied(
        pair, plan, tmp_path / "out", progress=lambda event: heard.append(str(event))
    )
    assert written.timings is not None
    assert list(written.timings.tasks) == ["rewriting", "writing"]
    # First that something is expected, before anything is begun.
    edits = ["rewriting, 0 of 1 edits", "rewriting, fc6, 1 of 1 edits"]
    assert list(dict.fromkeys(heard)) == ["", *edits, "writing"]
    for done in (ns.inspect(pair), ns.rank(pair)):
        assert done.timings is not None
        assert done.timings.seconds > 0
