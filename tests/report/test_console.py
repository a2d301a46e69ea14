"""Tables and numbers, as they reach a screen or a pipe."""

from __future__ import annotations

import io
import re
from typing import Optional

import pytest
from command_line import tables_in
from hypothesis import given, strategies as st
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netsurgery.report import console
from netsurgery.report.console import count, known, print_table, print_text, shape, share, size


@pytest.mark.parametrize(
    ("number", "counted", "was_known"),
    [(None, "-", "unknown"), (0, "0", "0"), (1234567, "1,234,567", "1,234,567")],
)
def test_counts(number: Optional[int], counted: str, was_known: str) -> None:
    assert (count(number), known(number)) == (counted, was_known)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (-1500, "-1.5 kB"),
        (999_999, "1000.0 kB"),
        (1_000_000, "1.0 MB"),
        (2_345_000_000, "2.35 GB"),
        (10**13, "10000.00 GB"),
    ],
)
def test_sizes_stand_in_a_unit_that_reads_well(number: Optional[int], text: str) -> None:
    assert size(number) == text


def test_shares_and_shapes() -> None:
    assert (share(1, 3), share(None, 3), share(3, 0), share(0, 3)) == ("33.3%", "-", "-", "0.0%")
    assert (shape((4, 25088)), shape(()), shape(None)) == ("4x25088", "scalar", "?")


COLUMNS, ROWS = ("layer", ">MACs"), [("conv1", "7"), ("a long name", "1,000")]


def test_numbers_are_aligned_to_the_right_and_totals_set_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(COLUMNS, ROWS, title="the net", last=("all", "1,007"), legend=("MACs",))
    printed = capsys.readouterr().out
    lines = [line.rstrip() for line in printed.splitlines() if line.strip(" ─")]
    assert lines[:5] == [
        "the net",
        " layer          MACs",
        " conv1             7",
        " a long name   1,000",
        " all           1,007",
    ]
    assert lines[5].startswith("  MACs: ")


def test_a_table_says_what_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, ROWS)
    assert tables_in(capsys.readouterr().out) == [
        [{"layer": "conv1", "MACs": "7"}, {"layer": "a long name", "MACs": "1,000"}]
    ]


def test_names_are_data_not_markup_and_not_orders_to_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("layer",), [("[red]conv[/red]",), ("\x1b[31mfc",), (":smile:",)], title="[b]")
    print_text("[red]text[/red]\x07")
    printed = capsys.readouterr().out
    for text in ("[red]conv[/red]", ":smile:", "[b]", "[red]text[/red]"):
        assert text in printed
    assert "\x1b" not in printed
    assert "\x07" not in printed


def narrow(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """A terminal so wide."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")


def unstyled(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, without bold letters."""
    return re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)


def test_texts_are_folded_where_a_terminal_is_narrow_and_numbers_are_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow(monkeypatch, 24)
    print_table(COLUMNS, [("a_layer_with_a_long_name", "1,000,000")])
    lines = [line.strip() for line in unstyled(capsys).splitlines()]
    (numbers,) = [line for line in lines if "1,000,000" in line]
    assert max(map(len, lines)) <= 24
    assert "".join(lines[lines.index(numbers) :]).replace("1,000,000", "").replace(" ", "") == (
        "a_layer_with_a_long_name"
    )


def test_rows_become_blocks_where_not_even_that_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow(monkeypatch, 12)
    print_table(COLUMNS, [("conv1", "1,000,000"), ("", "7")], last=("all", ""))
    assert unstyled(capsys).split() == [
        "conv1",
        "MACs",
        "1,000,000",
        "layer",
        "MACs",
        "7",
        "all",
    ]


# Rich draws the same; it takes long to import, and long for nets of thousands of layers.
LETTERS = st.sampled_from([*"ab 1,_", " ", "é", "▁", "全", "名"])
TEXTS = st.text(LETTERS, max_size=30)


def drawn_by_rich(
    columns: list[str], rows: list[list[str]], title: str, last: list[str], widths: list[int]
) -> str:
    """The same table, drawn by rich."""
    table = Table(box=SIMPLE_HEAD, title=Text(title), title_justify="left", pad_edge=False)
    for column, width in zip(columns, widths):
        justify = "right" if column.startswith(">") else "left"
        heading = Text(column.lstrip(">"))
        table.add_column(heading, justify=justify, overflow="fold", width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    table.add_section()
    table.add_row(*map(Text, last))
    out = io.StringIO()
    Console(file=out, width=1000).print(table)
    return out.getvalue()


@given(st.data(), st.integers(1, 4), st.integers(20, 60))
def test_tables_are_folded_and_filled_as_rich_does_it(
    data: st.DataObject, number: int, width: int
) -> None:
    def draw(texts: st.SearchStrategy[str]) -> list[str]:
        return data.draw(st.lists(texts, min_size=number, max_size=number))

    columns = draw(st.sampled_from(["a", ">b", ">breaks even", "a long_title", ">名 前"]))
    rows = [draw(TEXTS) for _ in range(data.draw(st.integers(1, 3)))]
    title, last = data.draw(TEXTS.filter(bool)), draw(TEXTS)
    widths = console._widths(columns, [*rows, last], width)
    if widths is not None:
        made = "\n".join(console._table(columns, rows, title, last, widths)) + "\n"
        assert made == drawn_by_rich(columns, rows, title, last, widths)


def test_a_long_table_is_drawn_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often texts are measured grows as the table does."""

    def measured(count: int) -> int:
        asked: list[str] = []
        monkeypatch.setattr(console, "cells", lambda text: asked.append(text) or len(text))
        print_table(COLUMNS, [("conv", "7")] * count)
        return len(asked)

    few = measured(50)
    assert measured(100) - few == measured(150) - measured(100)


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_a_size_is_the_number_to_the_digits_it_shows(number: int) -> None:
    text, unit = size(number).split()
    factor = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]
    digits = 2 if unit == "GB" else 1
    # Half a unit of the last digit that is shown; bytes are shown whole.
    off = 0.0 if unit == "B" else 0.5 * 10**-digits * factor
    assert float(text) * factor == pytest.approx(number, abs=off * 1.001, rel=1e-12)
