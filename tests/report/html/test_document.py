"""A page is one file whose texts are text, whatever they hold, and which fits on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_reader import Page as Read, measured

from netsurgery.report.html.document import (
    BAD,
    Fact,
    Lines,
    Page,
    PageSection,
    PageTable,
    Picture,
    Pictures,
    render,
)

pytest.importorskip("jinja2")

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&{{ 7 * 7 }}\x1b[31m\u202e"
SHOWN = HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63680000008200816d0a1d530000000049454e44ae426082"
)


def hostile_page() -> Page:
    long = "a_name_without_a_place_to_break_" * 8
    table = PageTable(
        ("layer", ">saves", *(f">column {number}" for number in range(12))),
        [(HOSTILE, "1%", *[long[:20]] * 12), (long, "2%", *["3"] * 12)],
        HOSTILE,
        shares=[0.5, 1.0],
        marked=[1],
    )
    picture = Picture(DOT, HOSTILE, 8, 8, [("before", HOSTILE, 1, 1, 2, 2)])
    parts = [Lines([HOSTILE, long], BAD), table, Pictures([picture], HOSTILE)]
    facts = [Fact(HOSTILE, long, HOSTILE, 2.5), Fact("none", "", "3")]
    return Page(
        HOSTILE, HOSTILE, long, BAD, facts, [PageSection("One", parts, HOSTILE)], ("Verdicts",)
    )


def test_texts_are_text_whatever_they_hold() -> None:
    read = Read(render(hostile_page()))
    read.check()
    assert "img" not in read.elements
    assert read.texts.count(SHOWN) >= 8
    assert read.tables[0][1][0] == SHOWN


def test_a_gauge_is_never_longer_than_its_box() -> None:
    page = render(hostile_page())
    assert "width: 100.0%" in page
    assert "250.0% left" in page
    assert "width: 250" not in page


def test_no_page_is_wider_than_a_phone(tmp_path: Path) -> None:
    """The table is: it scrolls in its own box."""
    shown = measured(render(hostile_page()), tmp_path)
    assert shown == {"width": 360, "headings": ["One"], "empty": 0}


def test_the_browser_tells_what_is_wrong_with_a_page(tmp_path: Path) -> None:
    wide = "<!DOCTYPE html><html><body style='margin: 0'><h2>a</h2><p style='width: 500px'>b</p>"
    assert measured(wide, tmp_path)["width"] == 500
    with pytest.raises(AssertionError, match="CONSOLE"):
        measured(f"{wide}<script>nothing.here</script>", tmp_path)


def test_same_pages_are_same_files() -> None:
    assert render(hostile_page()) == render(hostile_page())
