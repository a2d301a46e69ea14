"""A page of a batch of models: the index, to be sorted and filtered without a script."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union
from urllib.parse import quote

from netsurgery.report.console import share, size
from netsurgery.report.html.document import (
    BAD,
    DOUBTFUL,
    GOOD,
    Fact,
    Page,
    PageSection,
    PageTable,
    Plot,
    require_pages,
    save_page,
)
from netsurgery.report.html.sentences import MOODS
from netsurgery.zoo import MEANINGS, Index, Outcome

_OPEN = frozenset({"refused", "unjudged"})


class ModelRow(NamedTuple):
    """A model of the batch.

    Attributes:
        name: Its name.
        link: Where its own page is, or "".
        status: What became of it.
        mood: Of the page's signs.
        cells: Texts of the other columns.
        places: Its place in each of the orders.
    """

    name: str
    link: str
    status: str
    mood: str
    cells: Sequence[str]
    places: Sequence[int]


@dataclass(frozen=True)
class Models:
    """A table of models.

    Attributes:
        columns: Titles, as in `PageTable`.
        rows: The models.
        orders: What they may be sorted by.
        statuses: What they may be filtered by.
    """

    macro: ClassVar[str] = "models"
    columns: Sequence[str]
    rows: Sequence[ModelRow]
    orders: Sequence[str]
    statuses: Sequence[str]


def write_zoo_page(
    index: Index, path: Union[str, Path], pages: Optional[Mapping[str, str]] = None
) -> None:
    """Write the index of a batch as a page.

    Args:
        index: The index.
        path: The page.
        pages: Where the page of each model is that has one, from the folder of this one.

    Raises:
        NetsurgeryError: A library that makes pages is not installed.
        FormatError: The file cannot be written.
    """
    require_pages()
    save_page(zoo_page(index, pages), path)


def zoo_page(index: Index, pages: Optional[Mapping[str, str]] = None) -> Page:
    """Return the index of a batch as a page.

    Args:
        index: The index.
        pages: Where the page of each model is that has one, from the folder of this one.
    """
    sections = [_models(index, pages or {})]
    scatter = _scatter(index)
    sections += [scatter] if scatter is not None else []
    if index.skipped:
        rows = [(str(one.path), one.reason) for one in index.skipped]
        title = "Found and left out"
        sections.append(PageSection(title, [PageTable(("file", "why"), rows)]))
    shown = [PageTable(("word", "meaning"), list(MEANINGS.items()))]
    sections.append(PageSection("What became of a model", shown))
    return Page(
        f"zoo, {index.command}",
        f"{index.total} models of {Path(index.source).name or index.source}",
        _lead(index),
        _mood_of_all(index),
        _facts(index),
        sections,
        ("What a net costs", "Verdicts"),
    )


def _mood_of_all(index: Index) -> str:
    moods = {_mood(one) for one in index.models}
    if BAD in moods:
        return BAD
    return GOOD if index.complete and moods == {GOOD} else DOUBTFUL


def _lead(index: Index) -> str:
    told = ", ".join(f"{number} {status}" for status, number in index.counts.items())
    more = index.total - len(index.models)
    open_ones = f" {more} have not ended yet." if more else ""
    whole, left = _sums(index, "bytes")
    saved = ""
    if whole:
        saved = f" What was compressed takes {size(left)} now, {size(whole)} before."
    found = Counter(one.figures.get("quality") for one in index.models)
    doubts = [f"{found[name]} {name}" for name in ("degraded", "lost", "unjudged") if found[name]]
    saved += f" Of their answers is said: {', '.join(doubts)}." if doubts else ""
    bad = [one.name for one in index.models if one.bad]
    faults = (
        f" Look at {', '.join(bad[:5])}{' and others' if bad[5:] else ''} first." if bad else ""
    )
    return f"Of {index.total} models: {told or 'none has ended'}.{saved}{faults}{open_ones}"


def _sums(index: Index, cost: str) -> List[int]:
    """What all models cost together of which it is known, before and after."""
    pairs = [_costs(one, cost) for one in index.models]
    known = [(first, second) for first, second in pairs if first and second is not None]
    return [sum(first for first, _ in known), sum(second or 0 for _, second in known)]


def _costs(one: Outcome, cost: str) -> Sequence[Optional[int]]:
    return [one.figures.get(when, {}).get(cost) for when in ("before", "after")]


def _facts(index: Index) -> List[Fact]:
    facts = [Fact(status, "", str(number)) for status, number in index.counts.items()]
    for cost, title in (("bytes", "files"), ("macs", "MACs")):
        whole, left = _sums(index, cost)
        if whole:
            texts = [size(one) if cost == "bytes" else f"{one:,}" for one in (whole, left)]
            facts.append(Fact(title, texts[0], texts[1], left / whole))
    return facts


_ORDERS: Dict[str, Any] = {
    "as given": lambda one: 0,
    "name": lambda one: one.name,
    "size that is left": lambda one: _left(one, "bytes"),
    "error": lambda one: -(one.figures.get("error") or 0.0),
    "time": lambda one: -one.seconds,
}


def _left(one: Outcome, cost: str) -> float:
    whole, left = _costs(one, cost)
    return left / whole if whole and left is not None else 2.0


def _models(index: Index, pages: Mapping[str, str]) -> PageSection:
    places = []
    for key in _ORDERS.values():
        order = sorted(range(len(index.models)), key=lambda at: key(index.models[at]))
        places.append({number: place for place, number in enumerate(order)})
    rows = [
        ModelRow(
            one.name,
            quote(pages[one.name]) if one.name in pages else "",
            one.status,
            _mood(one),
            _cells(one),
            [order[number] for order in places],
        )
        for number, one in enumerate(index.models)
    ]
    columns = ("model", "status", ">file", ">left", ">MACs left", "still", ">error", ">time", "why")
    models = Models(columns, rows, list(_ORDERS), list(index.counts))
    return PageSection("Models", [models], "Choose an order, and what is shown.")


def _mood(one: Outcome) -> str:
    if one.bad:
        return BAD
    quality = one.figures.get("quality")
    return DOUBTFUL if one.status in _OPEN else MOODS[quality] if quality else GOOD


def _cells(one: Outcome) -> List[str]:
    (whole, left), (macs, macs_left) = _costs(one, "bytes"), _costs(one, "macs")
    error = one.figures.get("error")
    return [
        "-" if whole is None else f"{size(whole)} → {size(left)}",
        share(left, whole),
        share(macs_left, macs),
        one.figures.get("quality") or "-",
        "-" if error is None else f"{error:.2e}",
        f"{one.seconds:.1f} s",
        one.reason,
    ]


def _scatter(index: Index) -> Optional[PageSection]:
    from netsurgery.report.html.plots import plot_scatter

    found = [
        (_left(one, "bytes"), one.figures["error"], one.figures.get("quality") or "unjudged")
        for one in index.models
        if one.figures.get("error") is not None and _left(one, "bytes") < 2
    ]
    if not found:
        return None
    svg = plot_scatter("scatter", found)
    caption = "Each mark is a model: the further left, the smaller; the lower, the less is lost."
    return PageSection("Size against loss", [Plot(svg, caption)])
