"""A page of how far two models are apart, and where along the net that begins."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Collection, List, Sequence, Union

from netsurgery.report.html.document import (
    BAD,
    DOUBTFUL,
    GOOD,
    Fact,
    Lines,
    Page,
    PageSection,
    PageTable,
    Part,
    Plot,
    require_pages,
    save_page,
)
from netsurgery.report.html.sentences import MOODS, worth
from netsurgery.report.quality import quality_lines
from netsurgery.report.verification import (
    BLOB_COLUMNS,
    accuracy_line,
    blob_row,
    describe,
    trace_lines,
    unmoved_lines,
    would_pass,
)
from netsurgery.verification import BlobComparison, Verification, largest_noise

_PASSED = {True: "passed", False: "FAILED", None: "UNJUDGED"}
_MOODS = {True: GOOD, False: BAD, None: DOUBTFUL}


def write_verification_page(
    done: Verification, path: Union[str, Path], flag: Callable[[str], str] = "`{}`".format
) -> None:
    """Write a comparison of two models as a page.

    Args:
        done: The comparison.
        path: The page.
        flag: Names an argument of the library, in what there is to do.

    Raises:
        NetsurgeryError: A library that makes pages is not installed.
        FormatError: The file cannot be written.
    """
    require_pages()
    save_page(verification_page(done, flag), path)


def verification_page(done: Verification, flag: Callable[[str], str] = "`{}`".format) -> Page:
    """Return a comparison of two models as a page.

    Args:
        done: The comparison.
        flag: Names an argument of the library, in what there is to do.
    """
    sections = [
        PageSection("Verdicts", _verdicts(done, flag)),
        PageSection(
            "How far they are apart",
            [PageTable(BLOB_COLUMNS, list(map(blob_row, done.blobs))), *_beside(done)],
            f"Run by {describe(done)}.",
        ),
    ]
    if done.trace is not None and done.trace.blobs:
        starts = [one.blob for one in done.trace.divergences]
        section = along_section(done.trace.blobs, starts, "differences begin")
        told = [line.strip() for line in trace_lines(done.trace)]
        sections.append(PageSection(section.title, [*section.parts, Lines(told)], section.intro))
    return Page(
        "verify",
        "Two models compared",
        _lead(done),
        _MOODS[done.passed],
        _facts(done),
        sections,
        ("How far two nets are apart", "Verdicts"),
    )


def along_section(
    rows: Sequence[BlobComparison], marked: Collection[str], what: str
) -> PageSection:
    """Return a section on the error of every blob along the net.

    Args:
        rows: What is known of each, in the order of the net.
        marked: Blobs that are marked in the plot.
        what: What the marks mean.
    """
    from netsurgery.report.html.plots import plot_along

    errors, noise = [row.error for row in rows], [largest_noise(row) for row in rows]
    places = [number for number, row in enumerate(rows) if row.blob in marked]
    svg = plot_along("along", errors, noise, places, what)
    worst = max(rows, key=lambda row: row.error)
    caption = f"{len(rows)} blobs; largest at {worst.blob}, which is {worst.error:.2e} apart"
    table = PageTable(
        ("blob", ">error", ">float noise"),
        [(row.blob, f"{row.error:.2e}", f"{largest_noise(row):.1e}") for row in rows],
        marked=places,
    )
    intro = "How far what every layer makes is from what it made in the first net. The grey band "
    intro += "is what rounding alone does; a row in bold letters is one where a mark stands."
    return PageSection("Where the error arises", [Plot(svg, caption), table], intro)


def _verdicts(done: Verification, flag: Callable[[str], str]) -> List[Part]:
    told = [_PASSED[done.passed], *done.missed]
    return [
        Lines(told, _MOODS[done.passed]),
        Lines([line.strip() for line in quality_lines(done.quality, flag)], _quality_mood(done)),
    ]


def _quality_mood(done: Verification) -> str:
    return MOODS[done.quality.verdict]


def _beside(done: Verification) -> List[Part]:
    lines = [accuracy_line(done.accuracy)] if done.accuracy else []
    lines += unmoved_lines(done)
    lines += [
        f"output {name!r} of the second net is not in the first" for name in done.outputs.extra
    ]
    lines += [would_pass(done)] if done.blobs else []
    return [Lines(lines)] if lines else []


def _lead(done: Verification) -> str:
    told = {
        True: "The second network may stand in for the first",
        False: "The second network must not stand in for the first",
        None: "Whether the second network may stand in for the first, nothing tells yet",
    }[done.passed]
    where = done.trace.first if done.trace is not None else None
    begin = f" Differences begin at layer {where.maker}." if where is not None else ""
    if done.demand.expect == "exact":
        far = f"their outputs are {done.error:.1e} apart at most"
        return f"{told}: they were to compute the same, and {far}.{begin}"
    return f"{told}: {worth(done.quality, done.accuracy)}.{begin}"


def _facts(done: Verification) -> List[Fact]:
    facts = [Fact("largest error of an output", "", f"{done.error:.2e}")]
    if done.accuracy is not None:
        before, after = done.accuracy.before, done.accuracy.after
        facts.append(Fact("accuracy", f"{before:.2%}", f"{after:.2%}"))
    elif done.agreement is not None:
        facts.append(Fact("answers that agree", "", f"{done.agreement:.2%}"))
    return [*facts, Fact("inputs", "", f"{done.samples:,}")]
