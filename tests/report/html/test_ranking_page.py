"""The page of a ranking: the groups, and which channels come first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from page_reader import Page as Read, measured

pytest.importorskip("igraph")


def test_a_ranking_is_told(netsurgery, pair, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = netsurgery("rank", *pair, "--criteria", "l1,l2", "--json", "--html", page)
    assert done.status == 0, done.err
    read = Read(page.read_text(encoding="utf-8"))
    read.check()
    assert read.sections == ["Groups", "Scores"]
    (row,) = read.rows(0)
    assert (row["layer"], row["may go"], row["must stay"]) == ("fc6", "32", "0")
    (group,) = json.loads(done.out)["groups"]
    scores = group["scores"]["l1"]
    least = sorted(range(len(scores)), key=lambda channel: scores[channel])[:6]
    assert row["least by l1"] == ", ".join(map(str, least)) + ", …"
    shown = measured(page.read_text(encoding="utf-8"), tmp_path)
    assert (shown["width"], shown["empty"]) == (360, 0)
