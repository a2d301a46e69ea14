"""``netsurgery upgrade``: bring an old net to the form Caffe writes today."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import (
    deploy_option,
    for_tools,
    force_option,
    options,
    prototxt_argument,
    say,
)
from netsurgery.cli._outputs import FOLDER


@click.command("upgrade", cls=Command)
@options(
    prototxt_argument,
    click.argument("weights", type=click.Path(path_type=Path), required=False),
    click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the new files."),
    force_option,
    deploy_option,
    click.option(
        "--keep-unknown",
        is_flag=True,
        help="Keep fields of a fork that stock Caffe does not know, and would refuse.",
    ),
)
def command(
    prototxt: Path,
    weights: Optional[Path],
    output: Path,
    force: bool,
    deploy: bool,
    keep_unknown: bool,
) -> None:
    """Do to the files what Caffe does to an old net whenever it loads it.

    V0 and V1 layers become V2, net-level inputs an Input layer. Comments stay. What stock Caffe
    does not know is named, on standard error, and left out.
    """
    from netsurgery.formats import convert_weights, upgrade_net
    from netsurgery.network import Model, load
    from netsurgery.planning import refuse_another

    model = for_tools(load(prototxt, weights), deploy)
    upgraded = upgrade_net(model.prototxt, keep_unknown)
    for note in upgraded.notes:
        say(note, err=True)
    made = model.weights
    if made is not None and made.format == "caffemodel" and made.version != "V2":
        made = convert_weights(made, "caffemodel")
        say(
            f"{weights}: of each layer only name, type and blobs are kept; Caffe loads no more",
            err=True,
        )
    new = Model(upgraded.prototxt, made)
    if not force:
        refuse_another(output, model, new)
    places = [output / file.name for file in (prototxt, weights) if file]
    for path in new.save(*(places if weights else [output])):
        say(f"written {path}")
