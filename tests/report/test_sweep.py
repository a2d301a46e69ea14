"""A sweep as a table, as JSON and as a plot."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import tables_in

SWEEP = ("--sweep", "0.01:0.81:0.4", "--measured", "0")


def test_a_row_says_what_its_json_says_and_a_budget_too_small_its_reason(netsurgery, pair) -> None:
    printed = netsurgery("plan", *pair, *SWEEP)
    points = json.loads(netsurgery("plan", *pair, *SWEEP, "--json").out)
    (rows,) = tables_in(printed.out)
    met = [point for point in points if "problem" not in point]
    assert len(met) == len(rows) == 2
    for row, point in zip(rows, met):
        assert row["budget (macs)"] == f"{point['budget']:g}"
        assert row["macs"] == f"{point['macs']:.3f}"
        assert float(row["macs"]) <= point["budget"]
        assert row["loss"] == f"{point['loss']:.4g}"
        assert row["predicted"] == f"{point['predicted']:.4g}"
    (refused,) = [point for point in points if "problem" in point]
    assert f"0.01: {refused['problem']}" in printed.out


def test_a_plot_is_drawn_as_its_name_says_and_alike_each_time(
    netsurgery, pair, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    drawn = []
    for name in ("one.svg", "two.svg", "plot.png"):
        assert netsurgery("plan", *pair, *SWEEP, "--plot", tmp_path / name).status == 0
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0] == drawn[1]
    assert drawn[2].startswith(b"\x89PNG")
    texts = [element.text for element in ElementTree.fromstring(drawn[0]).iter() if element.text]
    assert {"loss", "share of the macs that is left"} <= set(texts)
