"""``netsurgery plan``: decide which layers to rewrite, and write it down."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._budget import BUDGETS, budget_options, read_budget
from netsurgery.cli._carry_out import ENGINE, calibrate_option, read_calibrator
from netsurgery.cli._command import Command
from netsurgery.cli._inputs import engine_options, preprocessing_options, read_engine
from netsurgery.cli._numbers import SEED
from netsurgery.cli._options import (
    CALIBRATION,
    OUTPUT,
    json_option,
    options,
    print_json,
    prototxt_argument,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import PLAN, PLOT, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._rules import RULES, how_options, make_plan, read_request, rule_options
from netsurgery.cli._shapes import read_model, shapes_option


@click.command("plan", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    shapes_option,
    rule_options,
    budget_options,
    section(
        "What to compress, by budgets one after another",
        click.option(
            "--sweep",
            metavar="[COST=]FROM:TO:STEP",
            help="Plan for one budget of MACs (or params, bytes, latency) after another, and print "
            "what each loses: 0.3:0.9:0.1, or 30%:90%:10%. With -o plan.yaml, plans go to "
            "plan.0.3.yaml and so on.",
        ),
        click.option("--plot", type=PLOT, help="With --sweep: a file for the plot, .svg or .png."),
        click.option(
            "--measured",
            type=click.IntRange(min=0),
            metavar="N",
            help="With --sweep: how many of the plans are carried out and measured, on --calibrate "
            "or by --metric; predictions for the others are corrected by these. [default: all]",
        ),
    ),
    how_options,
    calibrate_option,
    section(
        CALIBRATION,
        click.option("--seed", type=SEED, default=0, show_default=True, help="For what is random."),
        click.option(
            "--task-output",
            metavar="BLOB",
            help="The output that labels are for, where several hold classes.",
        ),
    ),
    preprocessing_options,
    engine_options,
    section(
        OUTPUT,
        click.option(
            "-o", "--output", type=PLAN, help="Where the plan goes; printed if not given."
        ),
    ),
    json_option,
)
def command(
    prototxt: Path, weights: Path, output: Optional[Path], as_json: bool, **given: Any
) -> None:
    """Choose what becomes of each layer and write the plan as YAML, to be read, edited, applied.

    \b
    netsurgery plan deploy.prototxt net.caffemodel --rank fc6=1024 -o plan.yaml
    netsurgery plan deploy.prototxt net.caffemodel --macs 0.5 --calibrate train.npz -o plan.yaml
    """
    from netsurgery.budgets import parse_sweep, sweep_budgets
    from netsurgery.report import require_plots

    rules = {name: given.pop(name) for name in RULES}
    budgets = {name: given.pop(name) for name in BUDGETS}
    sweep, plot, measured = (given.pop(name) for name in ("sweep", "plot", "measured"))
    swept = parse_sweep(sweep) if sweep else None
    if plot:
        require_plots()
    engine = read_engine(*(given.pop(name) for name in ENGINE))
    notes = str(output.with_name(f"{output.name}.measured.json")) if output else None
    others = {"seed": given["seed"], "notes": notes, "engine": engine}
    request = read_budget(budgets, rules, swept, **others)
    chosen = None if request else read_request(predict=True, **rules)
    if given["calibrate"] and not request:
        raise click.UsageError("rules need no inputs: give --calibrate to apply or compress")
    model = read_model(prototxt, weights, given.pop("input_shapes"))
    with progress("planning") as step:
        if not request:
            plan = make_plan(model, chosen, rules["fold_batchnorm"], rules["keep"], step)
        else:
            from netsurgery.budgets import Planner

            calibrator = read_calibrator(model, given, engine, step)
            planner = Planner(model, request, calibrator, step)
            if swept:
                points = sweep_budgets(planner, *swept, measured)
            else:
                plan = planner.plan()
    if swept:
        _hand_out_sweep(model, points, swept[0], output, plot, as_json)
    else:
        _hand_out(model, plan, output, as_json)


def _hand_out(model: Any, plan: Any, output: Optional[Path], as_json: bool) -> None:
    from dataclasses import replace

    from netsurgery.planning import identify
    from netsurgery.report import print_plan

    plan = replace(plan, model=identify(model))
    if output:
        plan.save(ready(output))
    if as_json:
        print_json(plan.to_dict())
    elif output:
        print_plan(plan)
        click.echo(f"written to {output}")
    else:
        click.echo(plan.to_yaml(), nl=False)


def _hand_out_sweep(
    model: Any,
    points: Any,
    currency: str,
    output: Optional[Path],
    plot: Optional[Path],
    as_json: bool,
) -> None:
    from dataclasses import replace

    from netsurgery.planning import identify
    from netsurgery.report import plot_sweep, print_sweep

    for point in points:
        if output and point.plan:
            path = output.with_name(f"{output.stem}.{point.share:g}{output.suffix}")
            replace(point.plan, model=identify(model)).save(ready(path))
    if plot:
        plot_sweep(points, currency, ready(plot))
    if as_json:
        print_json([point.to_dict() for point in points])
    else:
        print_sweep(points, currency)
