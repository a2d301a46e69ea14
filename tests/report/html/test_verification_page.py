"""The page of a comparison: what the command prints, and where along the net it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_reader import Page as Read, measured

pytest.importorskip("igraph")


def test_a_comparison_is_told_with_its_trace(netsurgery, pair, tmp_path: Path, opencv: str) -> None:
    asked = ("compress", *pair, "--rank", "fc6=4", "--engine", opencv, "--no-verify")
    assert netsurgery(*asked, "-o", tmp_path / "out").status == 0
    files = (*pair, tmp_path / "out" / pair[0].name, tmp_path / "out" / pair[1].name)
    page = tmp_path / "page.html"
    done = netsurgery("verify", *files, "--engine", opencv, "--expect", "exact", "--html", page)
    assert done.status == 1
    read = Read(page.read_text(encoding="utf-8"))
    read.check()
    sections = ["Verdicts", "How far they are apart", "Where the error arises"]
    assert read.sections == sections
    assert "FAILED" in read.texts
    assert any("must not stand in" in text and "at layer fc6" in text for text in read.texts)
    assert [row["blob"] for row in read.rows(1)] == ["fc6", "fc6@1", "fc7"]
    assert measured(page.read_text(encoding="utf-8"), tmp_path) == {
        "width": 360,
        "headings": sections,
        "empty": 0,
    }
