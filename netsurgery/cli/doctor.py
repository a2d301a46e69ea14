"""``netsurgery doctor``: what is wrong with a model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import json_option, options, print_json, prototxt_argument, say
from netsurgery.cli._shapes import Shapes, read_model, shapes_option


@click.command("doctor", cls=Command)
@options(
    prototxt_argument,
    click.argument("weights", type=click.Path(path_type=Path), required=False),
    click.option(
        "--phase",
        type=click.Choice(["TEST", "TRAIN"]),
        default="TEST",
        show_default=True,
        help="Of the net: layers may be in one of them alone.",
    ),
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
    from netsurgery.network import examine

    findings = examine(read_model(prototxt, weights, input_shapes, phase=phase), phase)
    errors = [finding for finding in findings if finding.severity == "error"]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(str(finding))
        if not findings:
            say("nothing is wrong")
    ctx.exit(1 if errors else 0)
