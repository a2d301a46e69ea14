"""A comparison of two models as a table."""

from __future__ import annotations

import math
from typing import Callable, Iterable, Optional

import click

from netsurgery.report.console import WORDS, print_table
from netsurgery.report.quality import quality_lines
from netsurgery.verification import Accuracy, BlobComparison, BlobTrace, Verification, largest_noise

BLOB_COLUMNS = (
    "blob",
    ">error",
    ">cosine",
    ">max difference",
    ">largest",
    ">top-1",
    ">top-5",
    ">noise",
)
_MOST = 5
BLOB_LEGEND = ("error", "cosine", "noise")


def print_verification(
    done: Verification, title: Optional[str] = None, flag: Callable[[str], str] = "`{}`".format
) -> None:
    """Print every compared blob, the accuracy, the verdict and what would have passed.

    Args:
        done: The comparison.
        title: Stands above it.
        flag: Names an argument of the library, in what there is to do.
    """
    click.echo(title or describe(done))
    print_table(BLOB_COLUMNS, (blob_row(row) for row in done.blobs), legend=BLOB_LEGEND)
    if done.accuracy:
        click.echo(accuracy_line(done.accuracy))
    for line in unmoved_lines(done):
        click.echo(line)
    for name in done.outputs.extra:
        click.echo(f"output {name!r} of the second net is not in the first")
    verdict = {True: "passed", False: "FAILED", None: "UNJUDGED"}[done.passed]
    print_verdict(verdict, done.missed)  # what else is lost, the next lines tell
    for line in quality_lines(done.quality, flag):
        click.echo(line)
    for line in trace_lines(done.trace):
        click.echo(line)
    if done.blobs:
        click.echo(would_pass(done))
    click.echo(WORDS)


def print_verdict(verdict: str, reasons: Iterable[str]) -> None:
    """Print a verdict and why."""
    click.echo(verdict)
    for reason in reasons:
        click.echo(f"  {reason}")


def describe(done: Verification) -> str:
    """Return what was run, where, on what, in one line."""
    return (
        f"{done.engine} {done.engine_version}, {done.samples} inputs ({done.inputs}), "
        f"expecting {done.demand.expect} outputs"
    )


def blob_row(row: BlobComparison) -> tuple[str, ...]:
    """Return one row of the table of blobs."""
    detects = row.kind == "detections" and row.agreement is not None
    return (
        row.blob,
        f"{row.error:.2e}",
        f"{row.cosine:.6f}",
        f"{row.max_difference:.2e}",
        f"{row.largest:.3g}",
        f"{share(row.agreement)} of boxes" if detects else share(row.agreement),
        share(row.top5),
        f"{largest_noise(row):.1e}",
    )


def accuracy_line(accuracy: Accuracy) -> str:
    """Return the accuracy of both nets, in one line."""
    line = (
        f"accuracy of {accuracy.output!r} on {accuracy.count} labels: "
        f"{accuracy.before:.4f} before, {accuracy.after:.4f} after"
    )
    if accuracy.before_top5 is None or accuracy.after_top5 is None:
        return line
    return f"{line}; top-5 {accuracy.before_top5:.4f} before, {accuracy.after_top5:.4f} after"


def unmoved_lines(done: Verification) -> list[str]:
    """Return what the inputs could not show, as lines: the channels that none of them moved."""
    known = [row for row in done.blobs if row.channels is not None]
    told = [row for row in known if row.unmoved is not None]
    if known and not told:
        return ["one input alone cannot tell which channels move with it: give more"]
    still = [row for row in told if row.unmoved]
    if not still:
        return []
    count, of = (
        sum(number or 0 for number in numbers)
        for numbers in ((row.unmoved for row in still), (row.channels for row in still))
    )
    where = f"blob {still[0].blob!r}" if len(still) == 1 else f"{len(still)} blobs"
    what = "what it does" if count == 1 else "what they do"
    return [
        f"{count:,} of {of:,} channels of {where} never moved on these inputs: "
        f"nothing is known of {what}"
    ]


def trace_lines(trace: Optional[BlobTrace]) -> list[str]:
    """Return where two nets begin to differ, as lines."""
    if trace is None:
        return []
    lines = []
    for one in trace.divergences[:_MOST]:
        where = "differences begin here" if one is trace.first else "and here"
        lines += [f"{where}: {one}", *(f"  {change}" for change in one.changes[:_MOST])]
        if not one.changes:
            lines.append("  both nets have the same layers there, with the same numbers")
    more = len(trace.divergences) - _MOST
    if more > 0:
        lines.append(f"and at {more} more blobs")
    if not trace.divergences:
        lines += ["no blob that both have differs", *(f"  {one}" for one in trace.changes[:_MOST])]
    return lines


def would_pass(done: Verification) -> str:
    """Return the limits with which the comparison would have passed, in one line."""
    limits = f"max error {_rounded_up(done.error)}"
    if done.agreement is not None:
        limits += f" and min agreement {math.floor(done.agreement * 1e4) / 1e4:g}"
    return f"it would pass with {limits}"


def _rounded_up(value: float) -> str:
    """Return a short decimal that is not below ``value``."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{math.ceil(value / unit) * unit:.3g}"


def share(value: Optional[float]) -> str:
    """Return a share of one in percent, or a dash for None."""
    return "-" if value is None else f"{100 * value:.2f}%"
