"""The models of a source, listed or written down: ``netsurgery zoo init`` and ``zoo list``."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, FOLDER, json_option, options, print_json, say


@click.command("init", cls=Command)
@options(
    click.argument("folder", type=FOLDER),
    click.option(
        "-o", "--out", type=FILE, help="Where to write it; FOLDER/manifest.yaml if not given."
    ),
    click.option("--force", is_flag=True, help="Overwrite what is there."),
    json_option,
)
def init(folder: Path, out: Optional[Path], force: bool, as_json: bool) -> None:
    """Write the manifest of a folder: its models, for a person to choose among and say more of.

    Weights belong to the prototxt whose layers and shapes they fit, whatever both are called. What
    is left out, as texts to train by and weights that fit nothing, goes into comments with the
    reason.
    """
    from netsurgery.report import print_batch
    from netsurgery.zoo import discover, write_manifest

    found = discover(folder)
    path = write_manifest(found, folder / "manifest.yaml" if out is None else out, force)
    if as_json:
        print_json({"manifest": str(path), **found.to_dict()})
        return
    print_batch(found)
    say(f"wrote {path}; see what it says, then: netsurgery zoo run {path} -o OUT")


@click.command("list", cls=Command)
@options(click.argument("source", type=FILE), json_option)
def list_models(source: Path, as_json: bool) -> None:
    """List the models of a source, and what in it is left out and why.

    SOURCE is a folder, whose models are told by what its files hold; a manifest of models; or a
    readme.md of Caffe's model zoo. Nothing is run, and nothing is downloaded.

    Exit status: 0 there are models; 1 there are none; 2 the source cannot be read.
    """
    from netsurgery.report import print_batch
    from netsurgery.zoo import read_source

    found = read_source(source)
    if as_json:
        print_json(found.to_dict())
    else:
        print_batch(found)
    click.get_current_context().exit(0 if found.entries else 1)
