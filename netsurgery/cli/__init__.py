"""The command line: one file a command; each parses, calls the library, prints.

A module of this package whose name does not begin with an underscore is a command: it
holds a click command called ``command``.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import NoReturn, Optional

import click

from netsurgery.cli._command import Refusal
from netsurgery.cli._process import (
    COULD_NOT_RUN,
    abandon_output,
    complain,
    flush,
    garbage_left,
    own_up,
    stoppable,
    sturdy_streams,
    warnings_told,
)
from netsurgery.errors import NetsurgeryError
from netsurgery.linalg import keep_blas_single
from netsurgery.version import __version__

INTERRUPTED = 130
_WHOLE = 1000  # letters of a sentence of help, which are never so many


class _Commands(click.Group):
    """Finds the commands by their files and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        modules = pkgutil.iter_modules(__path__)
        return sorted(module.name for module in modules if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Import the command called ``cmd_name``."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"{__name__}.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, whole, where click would cut it off."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(_WHOLE)) for name, one in commands if one]
            )


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="netsurgery")
def cli() -> None:
    """Make trained Caffe networks smaller, and prove what it did to the outputs.

    Exit status: 0 fine, 1 checked and failed, 2 could not run. What a word of the output means:
    `netsurgery help terms`.
    """


def main(args: Optional[list[str]] = None) -> NoReturn:
    """Run the command line and leave the process with its exit status."""
    keep_blas_single()
    with garbage_left(), sturdy_streams(), stoppable(), warnings_told():
        status = _finished(_run(args))
    sys.exit(status)


def _run(args: Optional[list[str]]) -> int:
    """Return the exit status of a command."""
    try:
        status = cli.main(args=args, prog_name="netsurgery", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Refusal as error:
        return complain(error.message)
    except click.ClickException as error:
        return _explain(error)
    except NetsurgeryError as error:
        return complain(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return complain(f"{where}{error.strerror or error}")
    except MemoryError:
        return complain("not enough memory")
    except (Exception, SystemExit) as error:  # also what a plugin or a metric of the user throws
        return own_up(error)
    return status if isinstance(status, int) else 0


def _finished(status: int) -> int:
    """Write out what was printed; returns the status, which is another one where that fails."""
    try:
        flush()
    except (OSError, ValueError) as error:
        abandon_output()
        if status == COULD_NOT_RUN:
            return status  # most likely that was the reason, and was told
        return complain(f"cannot write what was to be printed: {error}")
    return status


def _explain(error: click.ClickException) -> int:
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()  # the help itself
        return COULD_NOT_RUN
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "netsurgery"
    text = " ".join(error.format_message().split()).rstrip(".")
    return complain(f"{text}; see `{command} --help`")
