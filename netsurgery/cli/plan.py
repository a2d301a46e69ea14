"""``netsurgery plan``: decide which layers to rewrite, and write it down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from netsurgery.cli._budget import SearchFlags, budget_options, search_arguments
from netsurgery.cli._cache import growth_told
from netsurgery.cli._carry_out import CalibrateFlags, calibrate_option, calibrated_arguments
from netsurgery.cli._command import Command
from netsurgery.cli._inputs import (
    EngineFlags,
    PreprocessingFlags,
    engine_given,
    engine_options,
    preprocessing_options,
    read_preprocessing,
)
from netsurgery.cli._numbers import SEED
from netsurgery.cli._options import (
    CALIBRATION,
    OUTPUT,
    json_option,
    options,
    print_json,
    prototxt_argument,
    recipe_option,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import PAGE, PLAN, PLOT, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._rules import RuleFlags, how_options, rule_arguments, rule_options
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._timings import print_timed_json, tell_timings, timings_option

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from netsurgery.jobs import Sweep
    from netsurgery.planning import Plan


class _Flags(RuleFlags, SearchFlags, CalibrateFlags, PreprocessingFlags, EngineFlags):
    input_shapes: Shapes
    seed: int
    task_output: Optional[str]
    sweep: Optional[str]
    measured: Optional[int]
    plot: Optional[Path]
    html: Optional[Path]
    recipe: Optional[str]


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
        click.option("--html", type=PAGE, help="With --sweep: also write it as a page."),
        click.option(
            "--measured",
            type=click.IntRange(min=0),
            metavar="N",
            help="With --sweep: how many of the plans are carried out and measured, on --calibrate "
            "or by --metric; predictions for the others are corrected by these. [default: all]",
        ),
    ),
    section("How to compress", recipe_option("denil2013", "xue2013")),
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
    timings_option,
)
def command(
    prototxt: Path,
    weights: Path,
    output: Optional[Path],
    as_json: bool,
    timings: bool,
    **given: Unpack[_Flags],
) -> None:
    """Choose what becomes of each layer and write the plan as YAML, to be read, edited, applied.

    \b
    netsurgery plan deploy.prototxt net.caffemodel --rank fc6=1024 -o plan.yaml
    netsurgery plan deploy.prototxt net.caffemodel --macs 0.5 --calibrate train.npz -o plan.yaml
    """
    import netsurgery as ns
    from netsurgery.budgets import parse_sweep
    from netsurgery.report import require_pages, require_plots

    currency, shares = parse_sweep(given["sweep"]) if given["sweep"] else ("macs", ())
    if given["plot"]:
        require_plots()
    if given["html"]:
        if not shares:
            raise click.UsageError("--html is for a sweep: add --sweep FROM:TO:STEP")
        require_pages()
    request = ns.SweepRequest(
        sweep=shares,
        currency=currency,
        measured=given["measured"],
        recipe=given["recipe"],
        seed=given["seed"],
        task_output=given["task_output"],
        preprocessing=read_preprocessing(given),
        engine=engine_given(given),
        **rule_arguments(given),
        **search_arguments(given),
        **calibrated_arguments(given),
    )
    model = ns.load(prototxt, weights, given["input_shapes"])
    with growth_told(request.cache), progress("planning") as work:
        if shares:
            swept = ns.sweep(model, request, output, work)
        else:
            plan = ns.plan(model, request, output, work)
    if as_json and not shares:
        print_timed_json(plan.to_dict(), work, timings)
        return
    if shares:
        _print_sweep(swept, given["plot"], given["html"], as_json)
    else:
        _print_plan(plan, output)
    tell_timings(work, timings)


def _print_plan(plan: Plan, output: Optional[Path]) -> None:
    from netsurgery.report import print_plan

    if output:
        print_plan(plan)
        click.echo(f"written to {output}")
    else:
        click.echo(plan.to_yaml(), nl=False)


def _print_sweep(swept: Sweep, plot: Optional[Path], html: Optional[Path], as_json: bool) -> None:
    from netsurgery.report import plot_sweep, print_sweep, write_sweep_page

    if plot:
        plot_sweep(swept.points, swept.currency, ready(plot))
    if html:
        write_sweep_page(swept.points, swept.currency, ready(html))
    if as_json:
        print_json(swept.to_dict())
    else:
        print_sweep(swept.points, swept.currency)
