"""``netsurgery convert``: weights between caffemodel and HDF5, float32 and float16."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, options, say
from netsurgery.cli._outputs import WEIGHTS
from netsurgery.cli._shapes import Shapes, shapes_option


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
    import netsurgery as ns

    if input_shapes and prototxt is None:
        raise click.UsageError("--input is of the net in --prototxt, which is not given")
    net = ns.load(prototxt, input_shapes=input_shapes) if prototxt else None
    done = ns.convert(weights, output, ns.ConvertRequest(net, float16, gzip))
    for note in done.notes:
        say(note, err=True)
    say(f"written {output} ({done.size:,} bytes)")
