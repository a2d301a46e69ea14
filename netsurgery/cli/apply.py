"""``netsurgery apply``: carry out a plan and write the new pair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

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
from netsurgery.cli._options import (
    FILE,
    OUTPUT,
    deploy_option,
    force_option,
    options,
    say,
    section,
    solver_option,
    tell_of_phases,
    train_val_option,
)
from netsurgery.cli._outputs import FOLDER
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._timings import tell_timings, timings_option

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(CalibrateFlags, PreprocessingFlags, EngineFlags):
    input_shapes: Shapes


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
        train_val_option,
        solver_option,
        force_option,
        deploy_option,
    ),
    timings_option,
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
    train_val: Optional[Path],
    solver: Optional[Path],
    timings: bool,
    **given: Unpack[_Flags],
) -> None:
    """Carry out PLAN, as it stands, on the pair it names or on another one.

    The files are read back and held, number by number, against what was to be written. Nothing is
    run: `netsurgery verify` compares the result with the original.
    """
    import netsurgery as ns
    from netsurgery.jobs import file_of_plan, is_made_for
    from netsurgery.report import read_back

    chosen = ns.Plan.load(plan)
    prototxt = prototxt or file_of_plan(plan, chosen, "prototxt")
    weights = weights or file_of_plan(plan, chosen, "weights")
    request = ns.ApplyRequest(
        deploy=deploy,
        force=force,
        train_val=train_val,
        solver=solver,
        preprocessing=read_preprocessing(given),
        engine=engine_given(given),
        **calibrated_arguments(given),
    )
    model = ns.load(prototxt, weights, given["input_shapes"])
    tell_of_phases(model, deploy)
    if not is_made_for(chosen, model, deploy):
        say("note: the plan was made for other files than these", err=True)
    with growth_told(request.cache), progress("applying") as work:
        done = ns.write_applied(model, chosen, output, request, work)
    for note in done.notes:
        say(note, err=True)
    for path in done.files:
        say(f"written {path}")
    failures = (f"FAILED: {reason}" for reason in done.written.reasons)
    for line in (read_back(done.written), *failures):
        say(line, err=not done)
    tell_timings(work, timings)
    ctx.exit(0 if done else 1)
