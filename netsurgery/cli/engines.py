"""``netsurgery engines``: which engines are usable here, and how to get one."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, json_option, print_json


@click.group("engines", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the engines that can run a model, and why one cannot."""
    if ctx.invoked_subcommand:
        return
    import netsurgery as ns

    found = ns.engines()
    if as_json:
        print_json(found.to_dict())
        return
    for name, probe in found.probes.items():
        if probe.usable:
            click.echo(f"{name}: usable, version {probe.version}, {probe.where}")
            device, abilities = found.engines[name].device, found.capabilities(name)
            click.echo(f"    on {device}: {', '.join(abilities)}")
        else:
            click.echo(f"{name}: not usable: {probe.reason}")
            click.echo(f"    {probe.remedy}")


@command.command("install", cls=Command)
@click.argument("name", type=click.Choice(["caffe"]))
@click.option(
    "--python", type=FILE, help="A Python 3.6 to 3.9 to build on; looked for if not given."
)
def install(name: str, python: Optional[Path]) -> None:
    """Make a private environment with real Caffe in it."""
    from netsurgery.engine import install_caffe

    where = install_caffe(
        str(python) if python else None, tell=lambda line: click.echo(line, err=True)
    )
    click.echo(f"{name} is installed: {where}")
