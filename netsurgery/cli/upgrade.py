"""``netsurgery upgrade``: bring an old net to the form Caffe writes today."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import (
    deploy_option,
    force_option,
    options,
    prototxt_argument,
    say,
    tell_of_phases,
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
    import netsurgery as ns

    model = ns.load(prototxt, weights)
    tell_of_phases(model, deploy)
    done = ns.upgrade(model, output, ns.UpgradeRequest(keep_unknown, deploy, force))
    for note in done.notes:
        say(note, err=True)
    for path in done.files:
        say(f"written {path}")
