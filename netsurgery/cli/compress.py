"""``netsurgery compress``: plan, apply, write and prove, in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from netsurgery.cli._budget import SearchFlags, budget_options, search_arguments
from netsurgery.cli._carry_out import (
    CarryOutFlags,
    carry_out,
    carry_out_options,
    pair_arguments,
)
from netsurgery.cli._command import Command
from netsurgery.cli._options import (
    FILE,
    options,
    prototxt_argument,
    recipe_option,
    section,
    weights_argument,
)
from netsurgery.cli._rules import RuleFlags, how_options, rule_arguments, rule_options

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(RuleFlags, SearchFlags, CarryOutFlags):
    plan: Optional[Path]
    recipe: Optional[str]


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
    section("How to compress", recipe_option("denil2013", "xue2013")),
    how_options,
    carry_out_options,
)
@click.pass_context
def command(ctx: click.Context, prototxt: Path, weights: Path, **given: Unpack[_Flags]) -> None:
    """Make a model smaller and prove what that did to its outputs.

    \b
    netsurgery compress deploy.prototxt net.caffemodel --rank fc6=1024 --rank fc7=256 -o out/
    netsurgery compress deploy.prototxt net.caffemodel --energy 0.9 -o out/
    netsurgery compress deploy.prototxt net.caffemodel --macs 0.5 --calibrate train.npz -o out/

    Exit status: 0 the pair is written and neither verdict is against it; 1 it is not as planned,
    or an output is lost or beyond a limit of yours; 2 could not run. What cannot be proved or
    judged is said, and is no failure.
    """
    import netsurgery as ns

    request = ns.CompressRequest(
        plan=given["plan"],
        recipe=given["recipe"],
        **rule_arguments(given),
        **search_arguments(given),
        **pair_arguments(given),
    )
    ctx.exit(carry_out((prototxt, weights), request, ns.compress, "compressing", given))
