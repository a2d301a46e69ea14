"""The option that tells shapes of inputs which the prototxt does not, or tells otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import click

from netsurgery.cli._options import NETWORK, section

Shapes = Dict[str, Tuple[int, ...]]


def read_shapes(ctx: Any, parameter: Any, texts: Tuple[str, ...]) -> Shapes:
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


def read_model(prototxt: Path, weights: Optional[Path], shapes: Shapes, **state: Any) -> Any:
    """Return the model in these files, with the shapes that the option gives.

    Args:
        prototxt: The network.
        weights: Its weights.
        shapes: The value of `shapes_option`.
        state: Phase, level and stages in which the inputs are there, where not those of TEST.

    Raises:
        FormatError: A file is not what it should be.
        NetworkError: A name is that of no input, or the net cannot take a shape.
    """
    from netsurgery.network import load, require_inputs

    model = load(prototxt, weights, shapes)
    require_inputs(model, **state)
    return model
