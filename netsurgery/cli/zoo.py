"""``netsurgery zoo``: many models at once."""

from __future__ import annotations

import click

from netsurgery.cli._zoo_checks import compare, golden, verify
from netsurgery.cli._zoo_run import run
from netsurgery.cli._zoo_sources import init, list_models


@click.group("zoo")
def command() -> None:
    """Compress, verify and compare whole zoos of models.

    A source of models is a folder, in which pairs are found by what the files hold, a manifest
    (YAML), or the readme.md of Caffe's model zoo.
    """


for one in (init, list_models, run, verify, compare, golden):
    command.add_command(one)
