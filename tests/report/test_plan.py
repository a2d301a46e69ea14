"""A plan as a table, and what the planner did with each layer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import tables_in

from netsurgery.methods import Change, Edit, Prediction
from netsurgery.planning import Plan
from netsurgery.report.plan import print_plan


def test_an_edit_is_a_row_and_what_is_not_known_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    facts = Prediction(breakeven=19, weights=Change(1536, 640), energy=0.87654, error=0.25)
    edits = (Edit("fc6", "svd", {"rank": 8}, facts), Edit("conv2", "tucker", {"rank": [9, 1500]}))
    print_plan(Plan(edits))
    (rows,) = tables_in(capsys.readouterr().out)
    assert rows == [
        {
            "layer": "fc6",
            "method": "svd",
            "rank": "8",
            "breaks even": "19",
            "weights": "1,536",
            "after": "640",
            "energy": "0.8765",
            "error": "0.25",
        },
        {
            "layer": "conv2",
            "method": "tucker",
            "rank": "9 1,500",
            **dict.fromkeys(("breaks even", "weights", "after", "energy", "error"), "-"),
        },
    ]


def test_layers_that_are_left_for_one_reason_are_told_in_one_line(netsurgery, pair) -> None:
    done = netsurgery("plan", *pair, "--rank", "fc*=3", "--keep", "fc6", "-o", pair[0].parent / "p")
    told = [line.strip() for line in done.out.splitlines() if "fc6" in line or "relu6" in line]
    plan = json.loads(netsurgery("explain", pair[0].parent / "p", "--json").out)
    assert any("fc6" in line for line in told), done.out
    assert [edit["layer"] for edit in plan["edits"]] == ["fc7"]


def test_an_explanation_says_what_its_json_says(netsurgery, pair, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    assert netsurgery("plan", *pair, "--macs", "0.5", "-o", plan).status == 0
    printed = netsurgery("explain", plan).out
    facts = json.loads(netsurgery("explain", plan, "--json").out)
    (rows,) = tables_in(printed)
    assert len(rows) == len(facts["edits"]) > 0
    for row, edit in zip(rows, facts["edits"]):
        predicted, second = edit["predicted"], edit["predicted"]["second"]
        assert row["layer"] == edit["layer"]
        assert row["chosen"] == f"{edit['method']} {edit['rank']}"
        assert row["error"] == f"{predicted['error']:.3g}"
        assert row["loss"] == f"{predicted['loss']:.3g}"
        assert row["MACs"] == "{:,} > {:,}".format(*predicted["macs"])
        assert row["second"] == f"{second['method']} {second['rank']}"
        assert row["MACs'"] == f"{second['macs']:,}"
    whole, left = facts["expected"]["whole"], facts["expected"]["left"]
    share = left["macs"] / whole["macs"]
    assert f"macs {whole['macs']:,} -> {left['macs']:,} ({share:.3f})" in printed
    assert f"predicted {facts['expected']['predicted']:.4g}" in printed
    assert f"budget of macs: 50% asked, {100 * share:.4g}% reached" in printed
