"""A compression as text: what was done, what it saves, what it costs, and the proof."""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

import click

from netsurgery.jobs import Compression
from netsurgery.network import infer_shapes, unknown_reason
from netsurgery.report.asked import asked_lines, loss_lines, with_asked
from netsurgery.report.console import WORDS, known, print_table, shape, share, size
from netsurgery.report.plan import left_lines
from netsurgery.report.quality import quality_lines
from netsurgery.report.verification import (
    BLOB_COLUMNS,
    BLOB_LEGEND,
    accuracy_line,
    blob_row,
    describe,
    unmoved_lines,
    would_pass,
)
from netsurgery.surgery import Step
from netsurgery.verification import LayerError, Written

Rows = Sequence[tuple[str, ...]]
AS_PLANNED = "written as planned"


def print_compression(done: Compression, flag: Callable[[str], str] = "`{}`".format) -> None:
    """Print the whole report.

    Args:
        done: The compression.
        flag: Names an argument of the library, in what there is to do.
    """
    columns, rows = layer_rows(done)
    if rows:
        print_table(columns, rows, legend=("predicted error", "measured error"))
    else:
        click.echo("no layer gains: the pair is written unchanged")
    for line in left_lines(done.plan.skipped):
        click.echo(line)
    for field in done.unknown_fields:
        click.echo(f"  no rule here knows {field}, which may change what it computes")
    for note in done.surgery.notes:
        click.echo(f"  lost in the upgrade to V2: {note}")
    print_table(*saving_rows(done))
    for line in (*asked_lines(done.asked), *loss_lines(done.plan.expected), *_unknown(done)):
        click.echo(line)
    if done.effect is not None:
        click.echo(f"What it costs, on {describe(done.effect)}:")
        rows = [blob_row(row) for row in done.effect.blobs if row.output]
        print_table(BLOB_COLUMNS, rows, legend=BLOB_LEGEND)
        if done.effect.accuracy:
            click.echo(accuracy_line(done.effect.accuracy))
    for line in verdict(done, flag):
        click.echo(line)
    for path in done.files:
        click.echo(f"written {path}")
    click.echo(WORDS)


def _unknown(done: Compression) -> Iterator[str]:
    """Say why costs are not known, where they are not."""
    if None in (done.costs[0].macs, done.costs[0].params):
        model = done.surgery.original
        network = model.network()
        reason = unknown_reason(network, infer_shapes(network, weights=model.weights))
        if reason is not None:
            yield f"costs are not known: {reason}"


def layer_rows(done: Compression) -> tuple[tuple[str, ...], Rows]:
    """Return titles and rows of the table of what was done."""
    rows = [_step_row(step, done.layers) for step in done.surgery.steps]
    columns = ("layer", "method", ">weights", ">keeps", ">predicted error", ">measured error")
    predictions = [step.rewrite.edit.predicted for step in done.surgery.steps]
    return with_asked(columns, rows, predictions, 4)


def _step_row(step: Step, layers: Sequence[LayerError]) -> tuple[str, ...]:
    """A row for an edit; its errors are the largest of the layers whose error it states."""
    edit, blobs = step.rewrite.edit, step.before.blobs(step.rewrite.edit.layer)
    stated = [
        layer
        for layer in layers
        if layer.layer in step.rewrite.errors and layer.predicted is not None
    ]
    worst = max(stated, key=lambda layer: layer.measured, default=None)
    return (
        edit.layer,
        edit.method,
        shape(blobs[0].shape) if blobs else "-",
        step.rewrite.result,
        f"{worst.predicted:.5f}" if worst else "-",
        f"{worst.measured:.5f}" if worst else "-",
    )


def saving_rows(done: Compression) -> tuple[tuple[str, ...], Rows]:
    """Return titles and rows of the table of what was saved."""
    before, after = done.costs
    rows = [
        ("weights", known(before.params), known(after.params), share(after.params, before.params)),
        ("MACs", known(before.macs), known(after.macs), share(after.macs, before.macs)),
        ("file", size(done.sizes[0]), size(done.sizes[1]), share(done.sizes[1], done.sizes[0])),
    ]
    expected = done.plan.expected
    whole, left = (one.get("latency") for one in (expected.whole, expected.left))
    if whole and left:
        times = [f"{seconds * 1000:,.4g} ms" for seconds in (whole, left)]
        rows.append(("time, as planned", times[0], times[1], share(left, whole)))
    return ("", ">before", ">after", ">left"), rows


def verdict(done: Compression, flag: Callable[[str], str] = "`{}`".format) -> list[str]:
    """Return both verdicts, as lines: whether the pair is as planned, and how good it still is.

    Args:
        done: The compression.
        flag: Names an argument of the library, in what there is to do.
    """
    limits = []
    if done.effect is not None and done.effect.blobs:
        limits = [f"FAILED: {reason}" for reason in done.effect.missed]
        limits += [would_pass(done.effect)] if done else []
    ran = done.effect if done.equality is None else done.equality
    unseen = [] if ran is None else [f"  {line}" for line in unmoved_lines(ran)]
    return [*_as_planned(done), *unseen, *quality_lines(done.quality, flag), *limits]


def _as_planned(done: Compression) -> list[str]:
    """Whether the pair is what the plan says."""
    reasons = [f"  {reason}" for reason in done.reasons]
    if done.unproven:
        word = "FAILED" if reasons else "UNPROVEN"
        return [f"{AS_PLANNED}: {word}: {done.unproven}", f"  {read_back(done.written)}", *reasons]
    if reasons or done.equality is None or done.effect is None:
        return [f"{AS_PLANNED}: FAILED", *reasons]
    return [
        f"{AS_PLANNED}: proved: every difference is explained by {done.explanation} "
        f"({len(done.equality.blobs)} blobs equal those of the twin, the original with the new "
        f"weights in it, to {done.equality.error:.1e})",
        f"  {read_back(done.written)}",
    ]


def read_back(written: Written) -> str:
    """Return what comparing the written files number by number showed, in one line."""
    if not written:
        return "the files that were written are not what was meant"
    return (
        f"read back: {written.made:,} blobs as surgery made them, "
        f"{written.untouched:,} others bit for bit those of the original"
    )
