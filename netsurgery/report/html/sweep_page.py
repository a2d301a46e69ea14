"""A page of a sweep: what each budget would cost."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence, Union

from netsurgery.budgets import Point
from netsurgery.report.html.document import (
    DOUBTFUL,
    GOOD,
    Lines,
    Page,
    PageSection,
    PageTable,
    Plot,
    require_pages,
    save_page,
)
from netsurgery.report.sweep import draw_sweep, sweep_rows


def write_sweep_page(points: Sequence[Point], currency: str, path: Union[str, Path]) -> None:
    """Write a sweep over budgets as a page.

    Args:
        points: The budgets, and what can be had for each.
        currency: What is budgeted.
        path: The page.

    Raises:
        NetsurgeryError: A library that makes pages is not installed.
        FormatError: The file cannot be written.
    """
    require_pages()
    save_page(sweep_page(points, currency), path)


def sweep_page(points: Sequence[Point], currency: str) -> Page:
    """Return a sweep over budgets as a page.

    Args:
        points: The budgets, and what can be had for each.
        currency: What is budgeted.
    """
    from netsurgery.report.html.plots import drawing

    columns, rows = sweep_rows(points, currency)
    planned = [point for point in points if point.plan is not None]
    sections = []
    if planned:
        with drawing("sweep", 3.2) as canvas:
            draw_sweep(canvas.axes, planned, currency)
        caption = f"What is lost over the share of the {currency} that is left."
        sections = [
            PageSection("What each budget costs", [Plot(canvas.svg, caption)]),
            PageSection("Budgets", [PageTable(columns, rows)], "A ~ is predicted, not measured."),
        ]
    problems = [f"{point.share:g}: {point.problem}" for point in points if point.plan is None]
    if problems:
        sections.append(PageSection("Budgets that cannot be met", [Lines(problems, DOUBTFUL)]))
    lead = f"{len(planned)} of {len(points)} budgets of {currency} can be met"
    if planned:
        shares = [point.share for point in planned]
        lead += f", from {min(shares):.0%} to {max(shares):.0%} of what the network costs now. "
        lead += "Choose the smallest whose loss you can bear"
    mood = GOOD if planned else DOUBTFUL
    words = ("What a net costs", "Scores and rankings")
    return Page("plan", "What smaller networks would cost", f"{lead}.", mood, [], sections, words)
