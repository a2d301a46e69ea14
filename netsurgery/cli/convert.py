"""``netsurgery convert``: weights between caffemodel and HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, options


@click.command("convert", cls=Command)
@options(
    click.argument("weights", type=FILE),
    click.argument("output", type=FILE),
    click.option(
        "--prototxt", type=FILE, help="The net: tells the shapes of old blobs, and what is shared."
    ),
    click.option("--float16", is_flag=True, help="HDF5 only: half the bytes; Caffe reads it."),
    click.option("--gzip", is_flag=True, help="HDF5 only: compress; Caffe reads it."),
)
def command(
    weights: Path, output: Path, prototxt: Optional[Path], float16: bool, gzip: bool
) -> None:
    """Convert WEIGHTS to the format that the name of OUTPUT says.

    A name that ends in .h5 is HDF5 (.caffemodel.h5, as Caffe spells it), any other a caffemodel.
    """
    from netsurgery.formats.convert import convert_weights
    from netsurgery.formats.weights import open_weights
    from netsurgery.network.model import load
    from netsurgery.network.parameters import blob_shapes, owners_of_shared

    target = "hdf5" if output.suffix == ".h5" else "caffemodel"
    known: dict[str, Any] = {}
    if prototxt:
        network = load(prototxt).network()
        known = {"shapes": blob_shapes(network), "shared": owners_of_shared(network)}
    made = convert_weights(open_weights(weights), target, **known)
    made.write(output, float16=float16, gzip=gzip)
    click.echo(f"written {output} ({output.stat().st_size:,} bytes)")
