from __future__ import annotations

import json
from pathlib import Path

import pytest
from budget_nets import small_net

from netsurgery.budgets import Budget, BudgetRequest, Planner, plan_budget
from netsurgery.budgets.sweep import parse_sweep, sweep_budgets
from netsurgery.cli import main
from netsurgery.errors import PlanError
from netsurgery.planning import Plan


def test_what_a_user_writes_is_read() -> None:
    assert parse_sweep("0.3:0.9:0.1") == ("macs", (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9))
    assert parse_sweep("params=.5:.5:.1") == ("params", (0.5,))


@pytest.mark.parametrize("text", ["0.3", "0.9:0.3:0.1", "0:1:.1", ".1:.2:0", "x=.1:.2:.1", "a:b:c"])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match=r"write 0\.3:0\.9:0\.1"):
        parse_sweep(text)


def test_a_sweep_gives_the_plans_that_single_budgets_give() -> None:
    model = small_net()
    planner = Planner(model, BudgetRequest(Budget(macs=0.9, params=0.6)))
    points = sweep_budgets(planner, "macs", (0.001, 0.3, 0.6))
    assert points[0].plan is None
    assert points[0].problem is not None
    assert "the least that can be had" in points[0].problem
    for point in points[1:]:
        alone = plan_budget(model, BudgetRequest(Budget(macs=point.share, params=0.6)))
        assert point.plan == alone
    losses = [point.to_dict()["loss"] for point in points[1:]]
    assert losses == sorted(losses, reverse=True)


def test_the_command_writes_plans_a_table_and_a_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    files = small_net().save(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    plots = [tmp_path / "a.svg", tmp_path / "b.svg"]
    output = ["-o", str(tmp_path / "p.yaml")]
    for plot in plots:
        with pytest.raises(SystemExit) as leaving:
            main(["plan", *map(str, files), "--sweep", "0.3:0.7:0.2", "--plot", str(plot), *output])
        assert leaving.value.code == 0
    shown = capsys.readouterr().out
    assert "budget (macs)" in shown
    for share in ("0.3", "0.5", "0.7"):
        plan = Plan.load(tmp_path / f"p.{share}.yaml")
        assert plan.expected.budget == {"macs": float(share)}
        assert plan.model
    assert plots[0].read_bytes() == plots[1].read_bytes()
    assert plots[0].read_text().startswith("<?xml")
    with pytest.raises(SystemExit):
        main(["plan", *map(str, files), "--sweep", "0.3:0.5:0.2", "--json"])
    assert [row["budget"] for row in json.loads(capsys.readouterr().out)] == [0.3, 0.5]
