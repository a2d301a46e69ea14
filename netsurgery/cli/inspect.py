"""``netsurgery inspect``: what a model is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import click

from netsurgery.cli._command import Command
from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import (
    json_option,
    options,
    phase_option,
    prototxt_argument,
)
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._timings import print_timed_json, tell_timings, timings_option


@click.command("inspect", cls=Command)
@options(
    prototxt_argument,
    click.argument("weights", type=click.Path(path_type=Path), required=False),
    shapes_option,
    click.option("--rois", type=COUNT, help="Number of regions of interest."),
    phase_option,
    click.option("--level", type=int, default=0, help="Level of the net state."),
    click.option("--stage", "stages", multiple=True, help="Stage of the net state. Repeatable."),
    click.option("--no-spectra", is_flag=True, help="Leave the singular values out."),
    json_option,
    timings_option,
)
@click.pass_context
def command(
    ctx: click.Context,
    prototxt: Path,
    weights: Optional[Path],
    input_shapes: Shapes,
    rois: Optional[int],
    phase: str,
    level: int,
    stages: Tuple[str, ...],
    no_spectra: bool,
    as_json: bool,
    timings: bool,
) -> None:
    """Show every layer: blobs, output, parameters, MACs, and what a low rank would save.

    A pair breaks even at the largest rank that is smaller than the layer; the energy is the
    share of the sum of squared singular values that this rank, half and a quarter of it keep.

    Exit status: 0 the weights are those of the prototxt, or none were given; 1 they are not, and
    what says so stands on standard error; 2 could not read the files.
    """
    import netsurgery as ns
    from netsurgery.report import print_inspection

    request = ns.InspectRequest(rois, phase, level, stages, spectra=not no_spectra)
    model = ns.load(prototxt, weights, input_shapes)
    with progress("looking at") as work:
        done = ns.inspect(model, request, work)
    if as_json:
        print_timed_json(done.to_dict(), work, timings)
    else:
        print_inspection(done)
        tell_timings(work, timings)
    for finding in done.misfits:
        click.echo(f"{weights}: {finding}", err=True)
    ctx.exit(0 if done else 1)
