"""The page of a batch: what became of each model, sorted and filtered without a script."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from page_reader import Page as Read, measured

from netsurgery.report.html.document import render
from netsurgery.report.html.zoo_page import zoo_page
from netsurgery.zoo import Index, Outcome, SkippedFile

pytest.importorskip("jinja2")

NAME = "lenet/<script>alert(1)</script>"


def outcome(name: str, status: str, left: int, error: float, seconds: float) -> Outcome:
    costs = {"params": 100, "macs": 1000, "bytes": 400}
    figures = {
        "before": costs,
        "after": {**costs, "bytes": left},
        "proof": "passed",
        "quality": "good",
        "error": error,
        "outputs": [],
    }
    compressed = status == "compressed"
    reason = "" if compressed else "out of patience"
    known = figures if compressed else {}
    return Outcome(name, "key", "compress", status, reason=reason, seconds=seconds, figures=known)


def index() -> Index:
    models = (
        outcome("b", "compressed", 300, 1e-3, 5.0),
        outcome(NAME, "compressed", 100, 1e-1, 7.0),
        outcome("a", "timeout", 0, 0.0, 60.0),
    )
    skipped = (SkippedFile(Path("solver.prototxt"), "a solver"),)
    originals = {one.name: ("net.prototxt", "net.caffemodel") for one in models}
    return Index("models/zoo", "compress", models, skipped, 4, originals)


def test_a_batch_is_told(tmp_path: Path) -> None:
    page = render(zoo_page(index(), {NAME: f"{NAME}/report.html"}))
    read = Read(page)
    assert "script" not in read.elements
    assert [row["model"] for row in read.rows(0)] == ["b", NAME, "a"]
    assert [row["left"] for row in read.rows(0)] == ["75.0%", "25.0%", "-"]
    assert read.rows(0)[2]["why"] == "out of patience"
    (link,) = [one for one in read.addresses if not one.startswith("#")]
    assert link == "lenet/%3Cscript%3Ealert%281%29%3C/script%3E/report.html"
    (lead,) = [text for text in read.texts if text.startswith("Of 4 models")]
    assert "2 compressed, 1 timeout" in lead
    assert "Look at a first" in lead
    assert "1 have not ended" in lead
    assert measured(page, tmp_path) == {"width": 360, "headings": read.sections, "empty": 0}


@pytest.mark.parametrize(
    ("quality", "mood"), [("good", "good"), ("unjudged", "doubtful"), ("lost", "bad")]
)
def test_a_batch_is_no_better_than_its_models(quality: str, mood: str) -> None:
    models = [outcome("a", "compressed", 1, 0.1, 1.0), outcome("b", "compressed", 1, 0.1, 1.0)]
    models[1] = replace(models[1], figures={**models[1].figures, "quality": quality})
    made = zoo_page(replace(index(), models=tuple(models), total=2))
    assert made.mood == mood
    assert (f"1 {quality}" in made.lead) == (quality != "good")


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("as given", ["b", NAME, "a"]),
        ("name", ["a", "b", NAME]),
        ("size that is left", [NAME, "b", "a"]),
        ("error", [NAME, "b", "a"]),
        ("time", ["a", NAME, "b"]),
    ],
)
def test_each_order_puts_the_models_as_it_says(order: str, wanted: list[str]) -> None:
    (part,) = zoo_page(index()).sections[0].parts
    number = part.orders.index(order)
    rows = sorted(part.rows, key=lambda row: row.places[number])
    assert [row.name for row in rows] == wanted


def test_every_order_and_status_has_its_rule() -> None:
    """A rule that names an input which is not there would do nothing."""
    page = render(zoo_page(index()))
    named = set(re.findall(r"#((?:order|show)-\w+):checked", page))
    inputs = set(re.findall(r'id="((?:order|show)-\w+)"', page))
    assert named == inputs - {"show-every"}
    assert {"show-compressed", "show-timeout", "order-4"} <= named
