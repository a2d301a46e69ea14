"""A page of a ranking: what each channel is worth, and how well criteria predict that."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Union

import numpy as np

from netsurgery.ranking import Correlation, Ranking
from netsurgery.report.html.document import (
    GOOD,
    Fact,
    Lines,
    Page,
    PageSection,
    PageTable,
    Part,
    Plot,
    Plots,
    require_pages,
    save_page,
)
from netsurgery.report.ranking import correlation_rows

_SHOWN, _FIRST = 24, 6


def write_ranking_page(ranking: Ranking, path: Union[str, Path]) -> None:
    """Write a ranking of channels as a page.

    Args:
        ranking: The ranking.
        path: The page.

    Raises:
        NetsurgeryError: A library that makes pages is not installed.
        FormatError: The file cannot be written.
    """
    require_pages()
    save_page(ranking_page(ranking), path)


def ranking_page(ranking: Ranking) -> Page:
    """Return a ranking of channels as a page.

    Args:
        ranking: The ranking.
    """
    first = next(iter(ranking.scores))
    free = sum(len(group.free) for group in ranking.groups)
    sections = [_groups(ranking, first), _curves(ranking, first)]
    lead = f"{free:,} channels of {len(ranking.groups)} groups were ranked by {first}: those that "
    lead += "come first matter least, and may go first."
    if ranking.oracle is not None:
        loss, count = ranking.oracle.loss, ranking.oracle.samples
        parts: List[Part] = [
            Lines([f"Mean loss of the whole net on {count} inputs: {loss:.6g}"]),
            _correlations("the change of the mean loss, its magnitude", ranking.correlations()),
            _correlations(
                "the change of each input's loss, the mean magnitude",
                ranking.correlations_of_examples(),
            ),
        ]
        intro = "Each channel was removed alone, and the loss looked at: at 1 a criterion has the "
        intro += "same order, at 0 it says nothing."
        sections.append(PageSection("How well criteria predict", parts, intro))
    facts = [
        Fact("channels that may go", "", f"{free:,}"),
        Fact("channels that must stay", "", f"{sum(len(one.pinned) for one in ranking.groups):,}"),
    ]
    words = ("Groups of channels", "Scores and rankings")
    return Page("rank", "Which channels matter", lead, GOOD, facts, sections, words)


def _groups(ranking: Ranking, first: str) -> PageSection:
    rows = []
    for group in ranking.groups:
        scores = ranking.scores[first][group.name]
        order = group.free[np.argsort(scores[group.free], kind="stable")].tolist()
        shown = ", ".join(map(str, order[:_FIRST])) + (", …" if len(order) > _FIRST else "")
        rows.append((group.name, f"{len(order):,}", f"{len(group.pinned):,}", shown or "-"))
    columns = ("layer", ">may go", ">must stay", f"least by {first}")
    intro = "The channels of a group go together. The whole order is in the file that the ranking "
    intro += "is written to."
    return PageSection("Groups", [PageTable(columns, rows)], intro)


def _curves(ranking: Ranking, first: str) -> PageSection:
    from netsurgery.report.html.plots import plot_scores

    plots: List[Plot] = []
    groups = [group for group in ranking.groups if len(group.free)]
    for number, group in enumerate(groups[:_SHOWN]):
        scores = np.sort(ranking.scores[first][group.name][group.free])
        caption = f"{group.name}: from {scores[0]:.4g} to {scores[-1]:.4g}"
        plots.append(Plot(plot_scores(f"g{number}", group.name, scores), caption))
    intro = f"The scores of each group by {first}, from the least: where the curve lies low, "
    intro += "channels go cheaply."
    if len(groups) > _SHOWN:
        intro += f" Shown are the first {_SHOWN} of {len(groups)} groups."
    return PageSection("Scores", [Plots(plots)], intro)


def _correlations(truth: str, found: Dict[str, Correlation]) -> PageTable:
    columns, rows = correlation_rows(found)
    return PageTable(columns, rows, f"Spearman's correlation with {truth}")
