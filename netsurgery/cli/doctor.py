"""``netsurgery doctor``: what is wrong with a model."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import (
    json_option,
    options,
    phase_option,
    print_json,
    prototxt_argument,
    say,
)
from netsurgery.cli._shapes import Shapes, shapes_option


@click.command("doctor", cls=Command)
@options(
    prototxt_argument,
    click.argument("weights", type=click.Path(path_type=Path), required=False),
    phase_option,
    shapes_option,
    json_option,
)
@click.pass_context
def command(
    ctx: click.Context,
    prototxt: Path,
    weights: Optional[Path],
    phase: str,
    input_shapes: Shapes,
    as_json: bool,
) -> None:
    """Name all that real Caffe would abort on, and what it would silently get wrong.

    Errors are what stock Caffe refuses, warnings what it takes and computes otherwise than meant,
    notes what is good to know. Nothing is run.

    Exit status: 0 no errors, 1 errors, 2 could not read the files.
    """
    import netsurgery as ns

    found = ns.doctor(ns.load(prototxt, weights, input_shapes), ns.DoctorRequest(phase))
    if as_json:
        print_json(found.to_dict())
    else:
        for finding in found.findings:
            say(str(finding))
        if not found.findings:
            say("nothing is wrong")
    ctx.exit(0 if found else 1)
