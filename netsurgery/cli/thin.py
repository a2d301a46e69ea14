"""``netsurgery thin``: cut channels and neurons out of a net, and prove what that did."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

import click

from netsurgery.cli._budget import cost_options, read_costs
from netsurgery.cli._carry_out import ENGINE, carry_out, carry_out_options
from netsurgery.cli._command import Command
from netsurgery.cli._inputs import read_engine
from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import (
    OUTPUT,
    options,
    prototxt_argument,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import PLAN, ready

COSTS = ("macs", "params", "bytes", "latency")
_REQUEST = (*COSTS, "width", "keep", "criterion", "compensate", "multiple")


@click.command("thin", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    cost_options("How thin"),
    section(
        "How thin",
        click.option(
            "--keep",
            multiple=True,
            metavar="LAYER=CHANNELS",
            help="How many channels a layer keeps, or which share (conv4_1=96, 'conv3_*=50%'). "
            "LAYER is a name, a glob or a layer type; a share alone is for all. Beside a budget or "
            "a width, it speaks of these layers, and they of the others. Repeatable.",
        ),
        click.option(
            "--width",
            type=COUNT,
            metavar="W",
            help="Convolutions keep at most W channels, InnerProduct layers 2 W. With a budget, "
            "both are limits: the width holds even where the budget would allow more.",
        ),
        click.option(
            "--from-zeros",
            is_flag=True,
            help="Cut what is dead already, in a net that was pruned by masks: outputs stay equal.",
        ),
        click.option(
            "--round",
            "multiple",
            type=COUNT,
            default=1,
            help="Keep multiples of this many channels.",
        ),
    ),
    section(
        "Which channels, and what becomes of the others",
        click.option(
            "--criterion",
            metavar="NAME",
            help="What tells which channels to keep: surgeon (default with --calibrate), somp "
            "(default without), l1, consumer, taylor and others; a wrong one lists them.",
        ),
        click.option(
            "--compensate",
            type=click.Choice(["none", "channels", "patches", "refit"]),
            help="How kept channels stand in for the others. [default: refit with --calibrate]",
        ),
        click.option("--no-compensate", is_flag=True, help="The same as --compensate none."),
    ),
    carry_out_options,
    section(
        OUTPUT,
        click.option(
            "--save-plan", type=PLAN, help="Also write the plan, to be edited and applied."
        ),
    ),
)
@click.pass_context
def command(ctx: click.Context, prototxt: Path, weights: Path, **given: Any) -> None:
    """Make a net thinner: keep some of the channels of its layers, with all that goes with them.

    \b
    netsurgery thin deploy.prototxt net.caffemodel --macs 0.5 --calibrate train.npz -o out/
    netsurgery thin deploy.prototxt net.caffemodel --keep 'conv*=0.7' --criterion l1 -o out/
    netsurgery thin deploy.prototxt pruned.caffemodel --from-zeros -o out/

    Exit status: 0 the pair is written and neither verdict is against it; 1 it is not as planned,
    or an output is lost or beyond a limit of yours; 2 could not run. What cannot be proved or
    judged is said, and is no failure.
    """
    if given.pop("no_compensate"):
        given["compensate"] = "none"
    request = {name: given.pop(name) for name in _REQUEST}
    from_zeros, save_plan = given.pop("from_zeros"), given.pop("save_plan")
    others = {
        "seed": given["seed"],
        "engine": read_engine(*(given[name] for name in ENGINE)),
        "notes": f"{given['output']}.measured.json" if given["output"] else None,
    }
    planner = _from_zeros if from_zeros else _by(request, others)
    ways = [request[name] not in (None, ()) for name in (*COSTS, "keep", "width")]
    if not from_zeros and not any(ways):
        raise click.UsageError(
            "say how thin: --macs, --params, --bytes, --latency, --keep or --width; or --from-zeros"
        )
    planner = _saving(planner, save_plan)
    prepare = _with_zeros_for_masks if from_zeros else _as_it_is
    ctx.exit(carry_out(prototxt, weights, planner, "thinning", given, prepare))


def _as_it_is(model: Any) -> Any:
    return model


def _with_zeros_for_masks(model: Any) -> Any:
    """A fork may store its masks beside the weights."""
    from netsurgery.network import without_masks

    return without_masks(model)


def _by(request: dict, others: dict) -> Callable[..., Any]:
    def planner(model: Any, calibrator: Optional[Any], step: Callable[[str], None]) -> Any:
        from netsurgery.costs import Budget
        from netsurgery.planning import ThinRequest, parse_rule, plan_thin

        costs = read_costs(request)
        budget = Budget(**costs) if any(value is not None for value in costs.values()) else None
        chosen = ThinRequest(
            [parse_rule("keep", text) for text in request["keep"]],
            request["width"],
            budget,
            request["criterion"],
            request["compensate"],
            request["multiple"],
            **others,
        )
        return plan_thin(model, chosen, calibrator, step)

    return planner


def _from_zeros(model: Any, calibrator: Optional[Any], step: Callable[[str], None]) -> Any:
    from netsurgery.planning import plan_dead_channels

    return plan_dead_channels(model, step)


def _saving(planner: Callable[..., Any], path: Optional[Path]) -> Callable[..., Any]:
    """Have the planner also write its plan, if there is a path."""

    def planned(model: Any, *rest: Any) -> Any:
        from dataclasses import replace

        from netsurgery.planning import identify

        plan = replace(planner(model, *rest), model=identify(model))
        if path:
            plan.save(ready(path))
        return plan

    return planned
