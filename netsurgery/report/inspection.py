"""An inspection as tables: layers with their shapes and cost, and what a low rank would save."""

from __future__ import annotations

from typing import Optional

import click

from netsurgery.jobs import Inspection, LowRankFacts
from netsurgery.network import LayerCost, Totals
from netsurgery.report.console import count, known, print_table, room, shape, share, size

_WIDE = 150  # columns that the whole table takes
_COLUMNS = ("layer", "type", "blobs", "output", ">params", ">share", ">MACs", ">share")
_LEGEND = ("MACs", "breaks even", "energy there", "spectrum")
_LOW_RANK = (">breaks even", ">energy there", ">at half", ">at a quarter", "spectrum")


def print_inspection(done: Inspection) -> None:
    """Print the table of layers, the totals, and what depends on the number of regions."""
    totals = done.totals
    rows = [_row(cost, totals) for cost in done.layers]
    facts = [_facts_row(done.low_rank.get(cost.layer.name)) for cost in done.layers]
    if not done.low_rank:
        print_table(_COLUMNS, rows)
    elif room() >= _WIDE:
        print_table(
            (*_COLUMNS, *_LOW_RANK),
            [row + more for row, more in zip(rows, facts)],
            legend=_LEGEND,
        )
    else:
        print_table(_COLUMNS, rows)
        named = [(row[0], *more) for row, more in zip(rows, facts) if more[0]]
        print_table(("layer", *_LOW_RANK), named, legend=_LEGEND)
    lines = [
        f"{known(totals.params)} parameters ({size(totals.params and 4 * totals.params)}), "
        f"{known(totals.macs)} MACs, {size(totals.activation_bytes)} of blobs "
        f"({size(totals.peak_bytes)} needed at once)"
    ]
    fixed, each = done.regions
    if fixed is not None and each:
        lines.append(f"MACs at n regions: {count(fixed)} + n * {count(each)}")
        lines += [
            f"  at {n} regions {share(n * each, fixed + n * each)} of them are behind the regions"
            for n in (300, 2000)
        ]
    if totals.unknown:
        lines.append(f"not known: what these cost: {', '.join(totals.unknown)}")
    if done.unknown:
        lines.append(f"no shape is known from here on: {done.unknown}")
    click.echo("\n".join(lines))


def _row(cost: LayerCost, totals: Totals) -> tuple[str, ...]:
    return (
        cost.layer.name,
        cost.layer.type,
        " ".join(map(shape, cost.blobs)) if cost.blobs else "",
        " ".join(map(shape, cost.tops)),
        count(cost.params) if cost.params else "",
        share(cost.params, totals.params) if cost.params else "",
        count(cost.macs) if cost.macs else "",
        share(cost.macs, totals.macs) if cost.macs else "",
    )


def _facts_row(facts: Optional[LowRankFacts]) -> tuple[str, ...]:
    if facts is None:
        return ("",) * len(_LOW_RANK)
    limit = facts.breakeven
    energies = [facts.energies.get(max(1, limit // part)) for part in (1, 2, 4)]
    shown = [f"{energy:.3f}" if energy is not None else "" for energy in energies]
    return (f"rank {limit}", *shown, facts.sketch)
