"""Errors of the library name its arguments; each command names its own options for them."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from netsurgery.cli import cli
from netsurgery.cli._command import Command
from netsurgery.cli._options import spelling


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        ("compress", ("--rank", "fc6=20"), "or give --allow-growth"),
        ("compress", ("--macs", "0.001"), "give more --methods"),
        ("plan", ("--macs", "0.5", "--score", "metric"), "--metric, or labels with .* --calibrate"),
        ("thin", ("--macs", "0.5", "--criterion", "taylor"), "give some with --calibrate"),
        ("rank", ("--criteria", "taylor"), "give some with --data"),
        ("compress", ("--rank", "fc6"), "write --rank LAYER=NUMBER"),
        ("compress", ("--energy", "fc6=much"), "write --energy LAYER=VALUE"),
        ("thin", ("--keep", "fc6"), "write --keep LAYER=NUMBER"),
        ("compress", ("--rank", "fc6=4", "--naming", "_x,_x"), "--naming"),
        *(
            (
                command,
                ("--recipe", "denil2013"),
                r"--method needs --rank, --energy or --error "
                r"\(--recipe denil2013 says --method kernel_ridge\)",
            )
            for command in ("compress", "plan")
        ),
        (
            "prune",
            ("--recipe", "collins2014", "--sparsity", "0.9"),
            r"--schedule projected needs --calibrate "
            r"\(--recipe collins2014 says --schedule projected\)",
        ),
    ],
)
def test_each_command_names_its_own_options(
    netsurgery, pair: tuple[Path, Path], command: str, arguments: tuple[str, ...], told: str
) -> None:
    output = (
        ("-o", pair[0].parent.parent / "out") if command in ("compress", "prune", "thin") else ()
    )
    done = netsurgery(command, *pair, *arguments, *output)
    assert done.status == 2
    assert re.search(told, done.err), done.err
    assert "`calibrate`" not in done.err


def test_every_command_tells_errors_in_its_own_words() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            assert all(isinstance(one, Command) for one in command.commands.values())
        else:
            assert isinstance(command, Command), name


def test_an_argument_without_an_option_keeps_its_name() -> None:
    command = Command("any", params=[click.Option(["--mean_file", "--mean-file", "-m"])])
    assert command.flag("mean_file") == "--mean_file"
    assert command.flag("calibrate") == "`calibrate`"
    assert spelling(click.Argument(["plan"])) == "PLAN"
