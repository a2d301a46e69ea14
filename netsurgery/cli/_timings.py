"""The option that has a command tell where its time went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict

import click

from netsurgery.cli._options import OUTPUT, print_json, section

if TYPE_CHECKING:
    from netsurgery.progress import Progress

timings_option = section(
    OUTPUT,
    click.option(
        "--timings",
        is_flag=True,
        help="Also tell where the time went, by task: seconds, processor seconds with those of "
        "child processes, and what was counted. On standard error, or in the JSON.",
    ),
)


def print_timed_json(data: Dict[str, object], work: Progress, wanted: bool) -> None:
    """Print ``data`` as JSON, with ``timings`` where they are wanted."""
    print_json({**data, "timings": work.timings.to_dict()} if wanted else data)


def tell_timings(work: Progress, wanted: bool) -> None:
    """Print where the time went, where that is wanted."""
    if wanted:
        from netsurgery.report import print_timings

        print_timings(work.timings)
