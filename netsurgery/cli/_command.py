"""What every command of the command line does beside its own work."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple

import click

from netsurgery.cli._clashes import refuse_clashes
from netsurgery.cli._options import arguments_of, spelling
from netsurgery.errors import NetsurgeryError, RequestError

_OTHERWISE = {
    "calibrate": ("inputs",),
    "inputs": ("validate",),
    "writer": ("blobs",),
}
"""Arguments of the library whose options are called otherwise; of several, the first there is."""


class Refusal(click.ClickException):
    """An error of the library in the words of the command line, on one line."""

    exit_code = 2


class Command(click.Command):
    """A command that tells errors of the library in terms of its own options."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command.

        Raises:
            Refusal: The library refused; arguments that it names are named as options.
            click.UsageError: What is asked for contradicts itself, or is not complete.
        """
        try:
            refuse_clashes(ctx)
            return super().invoke(ctx)
        except RequestError as error:
            raise click.UsageError(error.told(self.flag), ctx) from error
        except NetsurgeryError as error:
            raise Refusal(error.told(self.flag)) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under the headings that `section` gave them."""
        sections: Dict[str, List[Tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                # Those without a heading, as --help, come last, with the last of them.
                title = getattr(param, "section", next(reversed(sections), "Options"))
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)
        if any(param.name == "accept_loss" for param in self.params):
            _write_limits(formatter)

    def flag(self, argument: str) -> str:
        """Return the option that stands for an argument of the library, or its own name."""
        by_name = arguments_of(self)
        for name in (argument, *_OTHERWISE.get(argument, ())):
            if name in by_name:
                return spelling(by_name[name])
        return f"`{argument}`"


def _write_limits(formatter: click.HelpFormatter) -> None:
    """Write from where on an output is no longer good."""
    from netsurgery.quality import limit_rows

    with formatter.section("What is good and what is lost"):
        formatter.write_dl(
            [
                (f"{kind}, {figure}", f"good {good}, lost {lost}: {meaning}.")
                for kind, figure, good, lost, meaning in limit_rows()
            ],
            col_max=30,
        )


def flags_of_command() -> Callable[[str], str]:
    """Return what names arguments of the library as options of the command that is running."""
    command = click.get_current_context().command
    return command.flag if isinstance(command, Command) else "`{}`".format
