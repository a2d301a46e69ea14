"""``netsurgery compress``: plan, apply, write and prove, in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

import click

from netsurgery.cli._budget import BUDGETS, budget_options, read_budget
from netsurgery.cli._carry_out import ENGINE, carry_out, carry_out_options
from netsurgery.cli._command import Command
from netsurgery.cli._inputs import read_engine
from netsurgery.cli._options import FILE, options, prototxt_argument, section, weights_argument
from netsurgery.cli._rules import RULES, how_options, make_plan, read_request, rule_options


@click.command("compress", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    rule_options,
    budget_options,
    section(
        "What to compress, by a plan",
        click.option("--plan", type=FILE, help="A plan to carry out, as it stands."),
    ),
    how_options,
    carry_out_options,
)
@click.pass_context
def command(
    ctx: click.Context, prototxt: Path, weights: Path, plan: Optional[Path], **given: Any
) -> None:
    """Make a model smaller and prove what that did to its outputs.

    \b
    netsurgery compress deploy.prototxt net.caffemodel --rank fc6=1024 --rank fc7=256 -o out/
    netsurgery compress deploy.prototxt net.caffemodel --energy 0.9 -o out/
    netsurgery compress deploy.prototxt net.caffemodel --macs 0.5 --calibrate train.npz -o out/

    Exit status: 0 the pair is written and neither verdict is against it; 1 it is not as planned,
    or an output is lost or beyond a limit of yours; 2 could not run. What cannot be proved or
    judged is said, and is no failure.
    """
    rules = {name: given.pop(name) for name in RULES}
    engine = read_engine(*(given[name] for name in ENGINE))
    notes = f"{given['output']}.measured.json" if given["output"] else None
    others = {"seed": given["seed"], "notes": notes, "engine": engine}
    request = read_budget({name: given.pop(name) for name in BUDGETS}, rules, **others)
    if given["calibrate"] and not (plan or request or rules["fit"]):
        raise click.UsageError("--calibrate has nothing to fit: add --fit data, or give a budget")

    def planner(model: Any, calibrator: Optional[Any], step: Callable[[str], None]) -> Any:
        if request:
            from netsurgery.budgets import plan_budget

            return plan_budget(model, request, calibrator, step)
        return _plan(model, plan, rules, step)

    ctx.exit(carry_out(prototxt, weights, planner, "compressing", given))


def _plan(model: Any, plan: Optional[Path], rules: dict, step: Any) -> Any:
    from netsurgery.planning import Plan

    if plan:
        return Plan.load(plan)
    return make_plan(
        model, read_request(predict=False, **rules), rules["fold_batchnorm"], rules["keep"], step
    )
