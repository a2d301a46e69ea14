"""``netsurgery cache``: what is kept for later runs, and clearing it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import json_option, print_json, say

if TYPE_CHECKING:
    from netsurgery.jobs import Cache


@click.group("cache", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List what is kept for later runs: what inputs told of models, and how long tasks took.

    It lies in $NETSURGERY_CACHE, by default ~/.cache/netsurgery, on Windows
    %LOCALAPPDATA%\\netsurgery, and takes 2 GB at most; the longest unused make way.
    """
    if ctx.invoked_subcommand:
        return
    import netsurgery as ns
    from netsurgery.report import print_cache

    found = ns.cache()
    if as_json:
        print_json(found.to_dict())
    else:
        print_cache(found)
    _tell_of_others(found)


@command.command("clear", cls=Command)
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="DAYS",
    help="Only what was not used for so many days.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also how long tasks took, from which it is told how long others will take.",
)
@json_option
def clear(older_than: float, everything: bool, as_json: bool) -> None:
    """Clear away what inputs told of models.

    Files there that are spoilt, or none of netsurgery's, are told and left alone.
    """
    import netsurgery as ns
    from netsurgery.report import size

    done = ns.clear_cache(older_than, everything)
    if as_json:
        print_json(done.to_dict())
    else:
        say(f"cleared {size(done.size)} of {len(done.removed)} files in {done.left.folder}")
    _tell_of_others(done.left)


def _tell_of_others(found: Cache) -> None:
    for one in found.entries:
        if one.problem is not None:
            say(f"{one.path}: {one.problem}, and is left alone", err=True)
