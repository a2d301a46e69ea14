"""``netsurgery apply``: carry out a plan and write the new pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._carry_out import ENGINE, calibrate_option, read_calibrator
from netsurgery.cli._command import Command
from netsurgery.cli._inputs import engine_options, preprocessing_options, read_engine
from netsurgery.cli._options import (
    FILE,
    OUTPUT,
    deploy_option,
    for_tools,
    force_option,
    options,
    say,
    section,
)
from netsurgery.cli._outputs import FOLDER
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import read_model, shapes_option
from netsurgery.errors import PlanError


@click.command("apply", cls=Command)
@options(
    click.argument("plan", type=FILE),
    click.argument("prototxt", type=FILE, required=False),
    click.argument("weights", type=FILE, required=False),
    shapes_option,
    calibrate_option,
    preprocessing_options,
    engine_options,
    section(
        OUTPUT,
        click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the new pair."),
        force_option,
        deploy_option,
    ),
)
@click.pass_context
def command(
    ctx: click.Context,
    plan: Path,
    prototxt: Optional[Path],
    weights: Optional[Path],
    output: Path,
    force: bool,
    deploy: bool,
    **given: Any,
) -> None:
    """Carry out PLAN, as it stands, on the pair it names or on another one.

    The files are read back and held, number by number, against what was to be written. Nothing is
    run: `netsurgery verify` compares the result with the original.
    """
    from netsurgery.compression import write_checked
    from netsurgery.planning import Plan, identify, refuse_another
    from netsurgery.report import read_back
    from netsurgery.surgery import operate

    chosen = Plan.load(plan)
    prototxt = prototxt or _named(plan, chosen, "prototxt")
    weights = weights or _named(plan, chosen, "weights")
    whole = read_model(prototxt, weights, given.pop("input_shapes"))
    model = for_tools(whole, deploy)
    made_for = [_hashes(identify(one)) for one in (model, whole)]
    if chosen.model and _hashes(chosen.model) not in made_for:
        say("note: the plan was made for other files than these", err=True)
    with progress("rewriting") as step:
        engine = read_engine(*(given.pop(name) for name in ENGINE))
        calibrator = read_calibrator(model, given, engine, step)
        surgery = operate(model, chosen, calibrator, step)
    for note in surgery.notes:
        say(f"lost in the upgrade to V2: {note}", err=True)
    if not force:
        refuse_another(output, model, surgery.model)
    with progress("writing"):
        paths, found = write_checked(surgery, output)
    for path in paths:
        say(f"written {path}")
    for line in (read_back(found), *(f"FAILED: {reason}" for reason in found.reasons)):
        say(line, err=not found)
    ctx.exit(0 if found else 1)


def _named(plan: Path, chosen: object, kind: str) -> Path:
    entry = getattr(chosen, "model", {}).get(kind) or {}
    if not entry.get("file"):
        raise click.UsageError(f"the plan names no {kind}: give PROTOTXT and WEIGHTS")
    path = Path(entry["file"])
    path = path if path.is_absolute() or path.exists() else plan.parent / path
    if not path.exists():
        problem = f"the {kind} it was made for, {entry['file']}, is not there"
        raise PlanError(problem, file=plan, remedy="give PROTOTXT and WEIGHTS behind the plan")
    return path


def _hashes(model: object) -> dict:
    return {kind: entry.get("sha256") for kind, entry in dict(model).items()}  # type: ignore[call-overload]
