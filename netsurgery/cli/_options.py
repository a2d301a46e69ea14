"""The options that several commands share, and how they print."""

from __future__ import annotations

import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

prototxt_argument = click.argument("prototxt", type=FILE)
weights_argument = click.argument("weights", type=FILE)


def options(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return one decorator that adds all of ``decorators``, the first on top."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def section(title: str, *decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return one decorator like `options`, whose options stand under a heading in the help.

    Options that have a heading already keep it; equal headings of a command are one.
    """

    def decorate(command: Command) -> Command:
        before = len(getattr(command, "__click_params__", ()))
        command = options(*decorators)(command)
        for param in getattr(command, "__click_params__", ())[before:]:
            param.section = getattr(param, "section", title)
        return command

    return decorate


def spelling(param: click.Parameter) -> str:
    """Return how help and messages call an option: ``--macs``; or an argument: ``PLAN``."""
    long = [name for name in param.opts if name.startswith("--")]
    return (long or [param.human_readable_name])[0]


def print_json(data: Any) -> None:
    """Print ``data`` as JSON; numbers JSON does not know become null."""
    click.echo(json.dumps(plain(data), indent=2))


def plain(value: Any) -> Any:
    """Return data that JSON can hold: NaN and the infinities become None, paths text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and value - value != 0:  # NaN and the infinities
        return None
    return value


# Headings of the help, for options that several commands share.
CALIBRATION = "Calibration"
PREPROCESSING_OF_IMAGES = "Preprocessing of images"
JUDGING = "Judging the result"
ENGINE = "Engine"
OUTPUT = "Output"

json_option = section(
    OUTPUT, click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal which step is running, and for how long; stay silent in a pipe.

    A step that says ``n of m``, as in ``64 of 3000 inputs``, fills the bar so far.
    """
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        # How long a factorisation takes is not known beforehand: then the bar only moves.
        task = bar.add_task(title, total=None)

        def show(step: str) -> None:
            # `update` takes no total of None for an answer.
            done, bar.tasks[task].total = _share(step)
            bar.update(task, description=f"{title}: {step}", completed=done)

        yield show


def _share(step: str) -> tuple[float, Optional[float]]:
    """How much is done, and of how much, or None."""
    found = re.search(r"(\d+) of (\d+)", step)
    return (float(found[1]), float(found[2])) if found else (0.0, None)
