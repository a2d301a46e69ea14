"""``netsurgery inspect``: what a model is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import (
    json_option,
    options,
    print_json,
    prototxt_argument,
)
from netsurgery.cli._progress import progress


def read_shapes(ctx: Any, parameter: Any, texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Read ``data=1,3,224,224``."""
    shapes = {}
    for text in texts:
        name, _, dims = text.rpartition("=")
        try:
            shapes[name] = tuple(int(dim) for dim in dims.split(","))
        except ValueError:
            shapes[name] = ()
        if not name or not shapes[name] or min(shapes[name]) < 1:
            raise click.BadParameter(f"{text!r} is not of the form data=1,3,224,224")
    return shapes


@click.command("inspect", cls=Command)
@options(
    prototxt_argument,
    click.argument("weights", type=click.Path(path_type=Path), required=False),
    click.option(
        "--input",
        "inputs",
        multiple=True,
        callback=read_shapes,
        metavar="NAME=N,C,H,W",
        help="Shape of an input, where it is not the prototxt's. Repeatable.",
    ),
    click.option("--rois", type=click.IntRange(1), help="Number of regions of interest."),
    click.option(
        "--phase",
        type=click.Choice(["TEST", "TRAIN"]),
        default="TEST",
        show_default=True,
        help="Of the net: layers may be in one of them alone.",
    ),
    click.option("--level", type=int, default=0, help="Level of the net state."),
    click.option("--stage", "stages", multiple=True, help="Stage of the net state. Repeatable."),
    click.option("--no-spectra", is_flag=True, help="Leave the singular values out."),
    json_option,
)
def command(
    prototxt: Path,
    weights: Optional[Path],
    inputs: dict,
    rois: Optional[int],
    phase: str,
    level: int,
    stages: tuple[str, ...],
    no_spectra: bool,
    as_json: bool,
) -> None:
    """Show every layer: blobs, output, parameters, MACs, and what a low rank would save.

    A pair breaks even at the largest rank that is smaller than the layer; the energy is the
    share of the sum of squared singular values that this rank, half and a quarter of it keep.
    """
    from netsurgery.network.model import load
    from netsurgery.report.inspection import inspect_model, print_inspection

    model = load(prototxt, weights)
    with progress("looking at") as step:
        done = inspect_model(
            model,
            model.network(phase, level, stages),
            inputs=inputs,
            rois=rois,
            spectra=not no_spectra,
            progress=step,
        )
    if as_json:
        print_json(done.to_dict())
    else:
        print_inspection(done)
