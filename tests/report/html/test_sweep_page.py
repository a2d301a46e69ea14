"""The page of a sweep: the budgets that can be met, and those that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import tables_in
from page_reader import Page as Read, measured

pytest.importorskip("igraph")


def test_a_sweep_is_told(netsurgery, pair, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = netsurgery("plan", *pair, "--sweep", "0.1:0.9:0.4", "--html", page)
    assert done.status == 0, done.err
    read = Read(page.read_text(encoding="utf-8"))
    read.check()
    assert read.sections[:2] == ["What each budget costs", "Budgets"]
    assert read.rows(0) == tables_in(done.out)[0]
    shown = measured(page.read_text(encoding="utf-8"), tmp_path)
    assert shown == {"width": 360, "headings": read.sections, "empty": 0}


def test_a_page_of_one_plan_is_refused(netsurgery, pair, tmp_path: Path) -> None:
    done = netsurgery("plan", *pair, "--rank", "fc6=8", "--html", tmp_path / "page.html")
    assert done.status == 2
    assert "--sweep" in done.err
