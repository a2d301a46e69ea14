"""``netsurgery convert``: weights between caffemodel and HDF5, float32 and float16."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, options, say
from netsurgery.cli._outputs import HDF5, WEIGHTS, ready
from netsurgery.cli._shapes import Shapes, read_model, shapes_option
from netsurgery.errors import FormatError


@click.command("convert", cls=Command)
@options(
    click.argument("weights", type=FILE),
    click.argument("output", type=WEIGHTS),
    click.option(
        "--prototxt", type=FILE, help="The net: tells the shapes of old blobs, and what is shared."
    ),
    shapes_option,
    click.option(
        "--float16",
        is_flag=True,
        help="Half the bytes. Caffe reads that from HDF5; a caffemodel of it is NVIDIA's, which "
        "NVIDIA's Caffe and OpenCV read. Statistics of BatchNorm, and blobs that float16 cannot "
        "hold, stay float32 and are named.",
    ),
    click.option("--gzip", is_flag=True, help="HDF5 only: compress; Caffe reads it."),
)
def command(
    weights: Path,
    output: Path,
    prototxt: Optional[Path],
    input_shapes: Shapes,
    float16: bool,
    gzip: bool,
) -> None:
    """Convert WEIGHTS to the format that the name of OUTPUT says.

    A name that ends in .h5 or .hdf5 is HDF5 (.caffemodel.h5, as Caffe spells it), one that ends in
    .caffemodel a caffemodel. Without --float16, HDF5 keeps the type of the numbers, and a
    caffemodel has what stock Caffe reads: float32 for float16.
    """
    from netsurgery.formats import convert_weights, in_float32, not_halved, open_weights
    from netsurgery.network import blob_shapes, owners_of_shared

    if input_shapes and prototxt is None:
        raise click.UsageError("--input is of the net in --prototxt, which is not given")
    if output.exists() and output.samefile(weights):
        problem = "this is the original, which would be overwritten"
        raise FormatError(problem, file=output, remedy="choose another name")
    target = "hdf5" if output.suffix.lower() in HDF5 else "caffemodel"
    known: dict[str, Any] = {}
    if prototxt:
        network = read_model(prototxt, None, input_shapes).network()
        known = {"shapes": blob_shapes(network), "shared": owners_of_shared(network)}
    given = open_weights(weights)
    made = convert_weights(given, target, **known)
    if not float16 and target == "caffemodel":
        made = in_float32(made)
    made.write(ready(output), float16=float16, gzip=gzip)
    for kept in not_halved(given.layers) if float16 else ():
        say(f"{weights}: {kept}", err=True)
    say(f"written {output} ({output.stat().st_size:,} bytes)")
