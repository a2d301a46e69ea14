"""Plots of a page: in its colours, with names of their own, and texts that are text."""

from __future__ import annotations

import re

import numpy as np
import pytest

from netsurgery.report.html.document import GOOD, Page, PageSection, Plot, render
from netsurgery.report.html.plots import plot_along, plot_pairs, plot_spectrum

pytest.importorskip("matplotlib")

VALUES = np.linspace(3, 0.1, 40)


def test_a_plot_has_the_colours_of_the_page_and_no_date() -> None:
    svg = plot_spectrum("s0", "fc6", 8, VALUES)
    section = PageSection("Spectra", [Plot(svg, "fc6")])
    page = render(Page("compress", "net", "smaller", GOOD, [], [section]))
    for name in ("ink", "faint", "before", "after"):
        assert f": var(--{name})" in page[page.index("<svg") :]
    assert set(re.findall("#[0-9a-f]{6}", page[page.index("<svg") :])) == set()
    assert "<dc:date>" not in svg
    assert svg == plot_spectrum("s0", "fc6", 8, VALUES)


def test_no_two_plots_share_a_name() -> None:
    svgs = [plot_spectrum(f"s{number}", "fc6", 8, VALUES) for number in range(2)]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in svgs]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, own in zip(svgs, ids):
        assert set(re.findall(r"#(s\d-[\w-]+)", svg)) <= own


@pytest.mark.parametrize("name", ["<script>", "$x_1$", "a&b", r"\frac", "\x1b[31m"])
def test_names_are_text(name: str) -> None:
    svg = plot_pairs("p", [name, "other"], [0.1, 0.2], [0.1, 0.2])
    assert "<script>" not in svg
    assert "\x1b" not in svg
    shown = {"<script>": "&lt;script&gt;", "a&b": "a&amp;b", "\x1b[31m": r"\x1b[31m"}
    assert shown.get(name, name) in svg


def test_an_error_of_nothing_or_without_bound_is_drawn() -> None:
    svg = plot_along(
        "a", [0.0, 1e-3, np.inf, np.nan], [0.0, 1e-6, 1e-6, 1e-6], [1], "rewritten layer"
    )
    assert "rewritten layer" in svg
    assert "nan" not in svg.lower()
