"""``netsurgery plan``: decide which layers to rewrite, and write it down."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._budget import BUDGETS, budget_options, read_budget
from netsurgery.cli._carry_out import ENGINE, calibrate_option, read_statistics
from netsurgery.cli._inputs import engine_options, preprocessing_options, read_engine
from netsurgery.cli._options import (
    FILE,
    json_option,
    options,
    print_json,
    progress,
    prototxt_argument,
    weights_argument,
)
from netsurgery.cli._rules import RULES, make_plan, read_wishes, rule_options


@click.command("plan")
@options(
    prototxt_argument,
    weights_argument,
    rule_options,
    budget_options,
    click.option("-o", "--output", type=FILE, help="Where the plan goes; printed if not given."),
    calibrate_option,
    preprocessing_options,
    click.option("--seed", default=0, show_default=True, help="For what is random."),
    click.option(
        "--task-output",
        metavar="BLOB",
        help="The output that labels are for, where several hold classes.",
    ),
    engine_options,
    json_option,
)
def command(
    prototxt: Path, weights: Path, output: Optional[Path], as_json: bool, **given: Any
) -> None:
    r"""Choose what becomes of each layer and write the plan as YAML, to be read, edited, applied.

    \b
    netsurgery plan deploy.prototxt net.caffemodel --rank fc6=1024 -o plan.yaml
    netsurgery plan deploy.prototxt net.caffemodel --macs 0.5 --calibrate train.npz -o plan.yaml
    """
    from dataclasses import replace

    from netsurgery.network.model import load
    from netsurgery.planning.plan import identify
    from netsurgery.report.plan import print_plan

    rules = {name: given.pop(name) for name in RULES}
    budgets = {name: given.pop(name) for name in BUDGETS}
    notes = str(output.with_name(f"{output.name}.measured.json")) if output else None
    wishes = read_budget(budgets, rules, seed=given["seed"], notes=notes)
    chosen = None if wishes else read_wishes(predict=True, **rules)
    model = load(prototxt, weights)
    engine = read_engine(*(given.pop(name) for name in ENGINE))
    with progress("planning") as step:
        if wishes:
            from netsurgery.budgets import plan_budget

            statistics = read_statistics(model, given, engine, step)
            plan = plan_budget(model, wishes, statistics, step)
        else:
            plan = make_plan(model, chosen, rules["fold_batchnorm"], step)
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
