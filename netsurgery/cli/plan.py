"""``netsurgery plan``: decide which layers to rewrite, and write it down."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._options import (
    FILE,
    json_option,
    options,
    print_json,
    progress,
    prototxt_argument,
    weights_argument,
)
from netsurgery.cli._rules import make_plan, read_wishes, rule_options


@click.command("plan")
@options(
    prototxt_argument,
    weights_argument,
    rule_options,
    click.option("-o", "--output", type=FILE, help="Where the plan goes; printed if not given."),
    json_option,
)
def command(
    prototxt: Path, weights: Path, output: Optional[Path], as_json: bool, **wishes: Any
) -> None:
    """Choose ranks and write the plan as YAML, to be read, edited and applied."""
    from dataclasses import replace

    from netsurgery.network.model import load
    from netsurgery.planning.plan import identify
    from netsurgery.report.plan import print_plan

    chosen = read_wishes(predict=True, **wishes)
    model = load(prototxt, weights)
    with progress("planning") as step:
        plan = make_plan(model, chosen, wishes["fold_batchnorm"], step)
        plan = replace(plan, model=identify(model))
    if output:
        plan.save(output)
    if as_json:
        print_json(plan.to_dict())
    elif output:
        print_plan(plan)
        click.echo(f"written to {output}")
    else:
        click.echo(plan.to_yaml(), nl=False)
