"""``netsurgery explain``: what a plan does with every layer, what came second, and why."""

from __future__ import annotations

from pathlib import Path

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, json_option, options, print_json


@click.command("explain", cls=Command)
@options(click.argument("plan", type=FILE), json_option)
def command(plan: Path, as_json: bool) -> None:
    """Say for every layer of PLAN what was chosen, what came second, and what it costs."""
    import netsurgery as ns
    from netsurgery.report import print_explanation

    explanation = ns.explain(plan)
    if as_json:
        print_json(explanation.to_dict())
    else:
        print_explanation(explanation)
