"""A compression in its three forms: they say the same, and the page is a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Set, Tuple

import numpy as np
import pytest
from command_line import Run, tables_in
from small_models import TWO_LAYERS, make_model

VOID = {"meta", "path", "use", "br", "rect", "circle", "image"}


class Page(HTMLParser):
    """The tables of a page; an element that is closed where another is open is refused."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: List[str] = []
        self.elements: Set[str] = set()
        self.tables: List[List[List[str]]] = []
        self.texts: List[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, object]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self.elements.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.texts.append(data)  # where the texts of a drawing stand, which are curves

    def rows(self, number: int) -> List[Dict[str, str]]:
        """The rows of a table, by the titles of its columns."""
        titles, *rows = self.tables[number]
        return [dict(zip(titles, row)) for row in rows]


@pytest.fixture
def compressed(netsurgery, pair, tmp_path: Path, opencv: str) -> Tuple[Run, dict, Page]:
    """fc6 at rank 8: what is printed, the JSON, and the page."""
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.html"
    asked = ("compress", *pair, "--rank", "fc6=8", "--engine", opencv, "--accept-loss")
    done = netsurgery(*asked, "-o", tmp_path / "out", "--html", page)
    assert done.status == 0, done.err
    report = json.loads((tmp_path / "out" / "netsurgery.json").read_text())
    return done, report, Page(page.read_text(encoding="utf-8"))


def test_text_json_and_page_say_the_same(compressed: Tuple[Run, dict, Page]) -> None:
    done, report, page = compressed
    layers, _, blobs = tables_in(done.out)
    (layer,) = report["layers"]
    assert [layers[0][title] for title in ("layer", "method", "weights")] == ["fc6", "svd", "32x48"]
    assert layers[0]["predicted error"] == f"{layer['predicted']:.5f}"
    assert layers[0]["measured error"] == f"{layer['measured']:.5f}"
    before, after = report["before"], report["after"]
    told = {row[0]: row[1:] for row in page.tables[1][1:]}
    assert told["MACs"] == [
        f"{before['macs']:,}",
        f"{after['macs']:,}",
        f"{100 * after['macs'] / before['macs']:.1f}%",
    ]
    assert told["weights"][:2] == [f"{before['params']:,}", f"{after['params']:,}"]
    assert page.rows(0) == layers
    (output,) = [blob for blob in report["proof"]["effect"]["blobs"] if blob["output"]]
    assert [row["blob"] for row in blobs] == [row["blob"] for row in page.rows(2)] == ["fc7"]
    assert blobs[0]["error"] == page.rows(2)[0]["error"] == f"{output['error']:.2e}"
    for verdict in ("written as planned: proved", "still good: "):
        assert verdict in done.out
        assert any(text.startswith(verdict) for text in page.texts)
    assert "fc6: singular values" in "".join(page.texts)
    (left,) = report["plan"]["left"]
    assert {"Left alone:", f"{left['layer']}: {left['reason']}"} <= set(page.texts)


def test_the_same_compression_gives_the_same_page(netsurgery, pair, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page in pages:
        asked = ("compress", *pair, "--rank", "fc6=8", "--no-verify", "-o", tmp_path / "out")
        assert netsurgery(*asked, "--html", page).status == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", "$x_1$", 'fc"6'])
def test_names_are_text_in_the_page(netsurgery, tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    text = TWO_LAYERS.replace('"fc6"', '"{}"'.format(name.replace('"', '\\"')))
    blobs = {name: [np.ones((32, 48)), np.ones(32)], "fc7": [np.ones((5, 32)), np.ones(5)]}
    pair = tmp_path / "deploy.prototxt", tmp_path / "net.caffemodel"
    make_model(text, blobs).save(*pair)
    page = tmp_path / "page.html"
    asked = ("compress", *pair, "--rank", "InnerProduct=4")
    done = netsurgery(*asked, "--no-verify", "-o", tmp_path / "out", "--html", page)
    assert done.status == 0, done.err
    found = Page(page.read_text(encoding="utf-8"))
    assert name in [row["layer"] for row in found.rows(0)]
    assert "script" not in found.elements


def test_a_pair_that_nothing_proves_says_so_in_all_forms(netsurgery, pair, tmp_path: Path) -> None:
    done = netsurgery("compress", *pair, "--rank", "fc6=8", "--no-verify", "-o", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "netsurgery.json").read_text())
    assert done.status == 0
    assert report["proof"]["unproven"] in done.out
    assert "written as planned: UNPROVEN" in done.out
    written = report["proof"]["written"]
    assert (
        f"read back: {written['made_blobs']:,} blobs as surgery made them, "
        f"{written['untouched_blobs']:,} others bit for bit those of the original"
    ) in done.out
