"""The page of a compression: it says what text and JSON say, and is a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from command_line import Run, tables_in
from page_reader import Page, measured
from small_models import TWO_LAYERS, make_model


@pytest.fixture
def compressed(netsurgery, pair, tmp_path: Path, opencv: str) -> Tuple[Run, dict, Page]:
    """fc6 at rank 8: what is printed, the JSON, and the page."""
    pytest.importorskip("igraph")
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
    (row,) = page.rows(0)
    assert row["layer"] == "fc6"
    assert row["what was done"] == f"svd: {layers[0]['keeps']}"
    assert row["measured error"] == layers[0]["measured error"]
    assert row["saves of the net's MACs"] == f"{100 * (1 - after['macs'] / before['macs']):.1f}%"
    for text in (f"{after['macs']:,}", f"was {before['macs']:,}", f"{after['params']:,}"):
        assert text in page.texts
    (output,) = [blob for blob in report["proof"]["effect"]["blobs"] if blob["output"]]
    assert [row["blob"] for row in blobs] == [row["blob"] for row in page.rows(1)] == ["fc7"]
    assert blobs[0]["error"] == page.rows(1)[0]["error"] == f"{output['error']:.2e}"
    for verdict in ("written as planned: proved", "still good: "):
        assert verdict in done.out
        assert any(text.startswith(verdict) for text in page.texts)
    (left,) = report["plan"]["left"]
    assert page.tables[3][1:] == [[left["layer"], left["reason"]]]
    # The largest error is that of the output; few blobs there are, and all were compared.
    assert [row["blob"] for row in page.rows(2)] == ["fc6", "fc6@1", "fc7"]


SECTIONS = [
    "Verdicts",
    "Layers",
    "The net before and after",
    "Spectra",
    "What it costs",
    "Where the error arises",
    "Left alone",
    "How this was made",
]


def test_the_page_is_whole_and_needs_nothing(compressed: Tuple[Run, dict, Page]) -> None:
    _, _, page = compressed
    page.check()
    assert page.sections == SECTIONS
    assert "fc6: 8 of 32 stay" in " ".join(page.texts)


def test_a_browser_shows_all_of_the_page_on_a_phone(
    compressed: Tuple[Run, dict, Page], tmp_path: Path
) -> None:
    shown = measured((tmp_path / "page.html").read_text(encoding="utf-8"), tmp_path)
    assert shown == {"width": 360, "headings": SECTIONS, "empty": 0}


def test_the_same_compression_gives_the_same_page(netsurgery, pair, tmp_path: Path) -> None:
    pytest.importorskip("igraph")
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page in pages:
        asked = ("compress", *pair, "--rank", "fc6=8", "--no-verify", "-o", tmp_path / "out")
        assert netsurgery(*asked, "--html", page).status == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", "$x_1$", 'fc"6'])
def test_names_are_text_in_the_page(netsurgery, tmp_path: Path, name: str) -> None:
    pytest.importorskip("igraph")
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
    assert name in found.texts  # in the drawing
    found.check()
