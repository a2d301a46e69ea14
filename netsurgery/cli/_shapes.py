"""The option that tells shapes of inputs which the prototxt does not, or tells otherwise."""

from __future__ import annotations

from typing import Dict, Tuple

import click

from netsurgery.cli._options import NETWORK, section

Shapes = Dict[str, Tuple[int, ...]]


def read_shapes(ctx: click.Context, parameter: click.Parameter, texts: Tuple[str, ...]) -> Shapes:
    """Read ``data=1,3,224,224``."""
    shapes: Shapes = {}
    for text in texts:
        name, _, dims = text.rpartition("=")
        try:
            shape = tuple(int(dim) for dim in dims.split(","))
        except ValueError:
            shape = ()
        if not name or not shape or min(shape) < 1:
            raise click.BadParameter(f"{text!r} is not of the form data=1,3,224,224")
        if shapes.setdefault(name, shape) != shape:
            raise click.BadParameter(f"{name!r} has two shapes")
    return shapes


shapes_option = section(
    NETWORK,
    click.option(
        "--input",
        "input_shapes",
        multiple=True,
        callback=read_shapes,
        metavar="NAME=N,C,H,W",
        help="Shape of an input, where it is not the prototxt's, or where that does not tell it, "
        "as of what a data layer of a fork makes. Repeatable.",
    ),
)
