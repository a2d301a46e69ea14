"""``netsurgery thin``: cut channels and neurons out of a net, and prove what that did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

import click

from netsurgery.cli._budget import CostFlags, cost_options, read_budget
from netsurgery.cli._carry_out import (
    CarryOutFlags,
    carry_out,
    carry_out_options,
    pair_arguments,
)
from netsurgery.cli._command import Command
from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import (
    OUTPUT,
    options,
    prototxt_argument,
    recipe_option,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import PLAN
from netsurgery.cli._rules import read_rules
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(CostFlags, CarryOutFlags):
    keep: Tuple[str, ...]
    width: Optional[int]
    from_zeros: bool
    multiple: int
    recipe: Optional[str]
    criterion: Optional[str]
    compensate: Optional[str]
    no_compensate: bool
    save_plan: Optional[Path]


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
        recipe_option("lu2017"),
        click.option(
            "--criterion",
            metavar="NAME",
            help="What tells which channels to keep: surgeon (default with --calibrate), somp "
            "(default without), l1, consumer, taylor and others; a wrong one lists them.",
        ),
        click.option(
            "--compensate",
            type=click.Choice(CHOICES["compensate"]),
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
def command(ctx: click.Context, prototxt: Path, weights: Path, **given: Unpack[_Flags]) -> None:
    """Make a net thinner: keep some of the channels of its layers, with all that goes with them.

    \b
    netsurgery thin deploy.prototxt net.caffemodel --macs 0.5 --calibrate train.npz -o out/
    netsurgery thin deploy.prototxt net.caffemodel --keep 'conv*=0.7' --criterion l1 -o out/
    netsurgery thin deploy.prototxt pruned.caffemodel --from-zeros -o out/

    Exit status: 0 the pair is written and neither verdict is against it; 1 it is not as planned,
    or an output is lost or beyond a limit of yours; 2 could not run. What cannot be proved or
    judged is said, and is no failure.
    """
    import netsurgery as ns

    request = ns.ThinRequest(
        budget=read_budget(given),
        max_loss=given["max_loss"],
        quick=given["quick"],
        keep=read_rules("keep", given["keep"]),
        width=given["width"],
        from_zeros=given["from_zeros"],
        multiple=given["multiple"],
        recipe=given["recipe"],
        criterion=given["criterion"],
        compensate="none" if given["no_compensate"] else given["compensate"],
        save_plan=given["save_plan"],
        **pair_arguments(given),
    )
    ctx.exit(carry_out((prototxt, weights), request, ns.thin, "thinning", given))
