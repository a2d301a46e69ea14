"""The options that several commands share, and how they print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Protocol, TypeVar

import click

from netsurgery.errors import visible
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from netsurgery.network import Model

Decorated = TypeVar("Decorated", bound=Callable[..., object])


class Decorator(Protocol):
    """Adds options to a command, as those of click do."""

    def __call__(self, command: Decorated, /) -> Decorated:
        """Return the command with the options."""


FILE = click.Path(path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

prototxt_argument = click.argument("prototxt", type=FILE)
weights_argument = click.argument("weights", type=FILE)


force_option = click.option(
    "--force",
    is_flag=True,
    help="Overwrite what is in the folder even if it was made of other files. A result of the same "
    "files always makes way.",
)


def options(*decorators: Decorator) -> Decorator:
    """Return one decorator that adds all of ``decorators``, the first on top."""

    def decorate(command: Decorated, /) -> Decorated:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def section(title: str, *decorators: Decorator) -> Decorator:
    """Return one decorator like `options`, whose options stand under a heading in the help.

    Options that have a heading already keep it; equal headings of a command are one.
    """

    def decorate(command: Decorated, /) -> Decorated:
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


def arguments_of(command: click.Command) -> Dict[str, click.Parameter]:
    """Return the arguments of the library that options and arguments of a command stand for.

    An option says the contrary of an argument by the name of it behind ``no_``, where the command
    has no option that says as much.
    """
    by_name = {param.name: param for param in command.params if param.name}
    contrary = {name[3:]: name for name in by_name if name.startswith("no_")}
    for argument, name in contrary.items():
        if argument not in by_name:
            by_name[argument] = by_name.pop(name)
    return by_name


def say(text: str, err: bool = False) -> None:
    """Print lines; what names hold is shown, and not obeyed by the terminal."""
    click.echo("\n".join(map(visible, text.split("\n"))), err=err)


def print_json(data: object) -> None:
    """Print ``data`` as JSON; numbers JSON does not know become null."""
    from netsurgery.jobs import to_json

    click.echo(to_json(data))


phase_option = click.option(
    "--phase",
    type=click.Choice(CHOICES["phase"]),
    default="TEST",
    show_default=True,
    help="Of the net: layers may be in one of them alone.",
)

solver_option = click.option(
    "--solver",
    type=FILE,
    help="The solver.prototxt that the net was trained with. One for the new net, at a tenth of "
    "the rate, is written beside it, and a train_val.prototxt too if --train-val names none.",
)

train_val_option = click.option(
    "--train-val",
    type=FILE,
    help="The prototxt that the net is trained by. It is rewritten alike, so that Caffe loads the "
    "new weights into it, and written beside them.",
)

deploy_option = click.option(
    "--deploy",
    is_flag=True,
    help="Leave out the layers that Caffe does not build for TEST, as losses and data of training: "
    "other tools take them for a part of the net. All else stays as it is.",
)


def tell_of_phases(model: Model, deploy: bool) -> None:
    """Tell of layers that are for other phases, and what ``--deploy`` does with them."""
    from netsurgery.jobs import note_on_phases

    note = note_on_phases(model, deploy)
    if note is not None:
        click.echo(note.told(lambda argument: f"--{argument}"), err=True)


def recipe_option(*names: str) -> Decorator:
    """Return the option that names a recipe.

    Args:
        names: The recipes of the command.
    """
    listed = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return click.option(
        "--recipe",
        metavar="NAME",
        help=f"A way that is known from a paper: {listed} (`netsurgery help recipes`). What else "
        "is given goes before it.",
    )


# Headings of the help, for options that several commands share.
NETWORK = "Network"
CALIBRATION = "Calibration"
PREPROCESSING_OF_IMAGES = "Preprocessing of images"
JUDGING = "Judging the result"
ENGINE = "Engine"
OUTPUT = "Output"

json_option = section(
    OUTPUT, click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
)
