"""The words of a command for each model of a batch: flags that all get, and what entries say."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping, Sequence, Tuple, Union

import click

from netsurgery.cli._clashes import refuse_clashes
from netsurgery.cli._command import Command
from netsurgery.cli._options import arguments_of, spelling
from netsurgery.cli._outputs import OutputType
from netsurgery.errors import NetsurgeryError, RequestError

if TYPE_CHECKING:
    from netsurgery.calibration import Preprocessing
    from netsurgery.zoo import Entry, Word

MADE = frozenset({"output", "html", "as_json", "timings", "dry_run", "force", "help"})
"""What a batch says of each model itself."""
OF_ONE = frozenset({"plan", "train_val", "solver", "save_plan"})
"""What belongs to one model, and may stand in a manifest only."""


class Passing(Command):
    """A command that takes, beside its own options, those of a command it has run.

    Args:
        passes: The commands that ``--command`` chooses among; the first without it.
    """

    def __init__(self, *args: object, passes: Sequence[str], **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self.passes = passes

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Sort the options, and read those of its own."""
        other = command_called(_wanted(args, self.passes))
        own = self.get_params(ctx)
        taken = {opt for param in own for opt in (*param.opts, *param.secondary_opts)}
        others = [
            param
            for param in other.params
            if isinstance(param, click.Option)
            and param.name not in MADE | OF_ONE
            and not taken.intersection((*param.opts, *param.secondary_opts))
        ]
        parser = click.Command(self.name, params=[*own, *others]).make_parser(ctx)
        given, rest, _ = parser.parse_args(args=list(args))
        ctx.meta[_PASSED] = [
            word
            for param in others
            if param.name in given
            for word in _raw(param, given[param.name])
        ]
        mine = [
            word
            for param in own
            if isinstance(param, click.Option) and param.name in given
            for word in _raw(param, given[param.name])
        ]
        positional = [given[param.name] for param in own if isinstance(param, click.Argument)]
        return super().parse_args(ctx, [*mine, "--", *filter(None, positional), *rest])


_PASSED = "netsurgery.zoo.passed"
COMMANDS = ("compress", "thin")
"""What can be done with all models of a batch."""


def _wanted(args: Sequence[str], among: Sequence[str]) -> str:
    """The command that ``--command`` names, of which the options are taken."""
    found = among[0]
    for word, following in zip(args, [*args[1:], ""]):
        option, _, value = word.partition("=")
        if option == "--command":
            found = value or following
    return found if found in among else among[0]


def command_called(name: str) -> click.Command:
    """Return the command of netsurgery that is called so."""
    return importlib.import_module(f"netsurgery.cli.{name}").command


def passed(ctx: click.Context) -> List[str]:
    """Return the words that a command got for another one, see `Passing`."""
    return list(ctx.meta[_PASSED])


def _raw(param: click.Parameter, value: object) -> Iterator[str]:
    """The words that an option was given by, from what the parser made of them."""
    option = spelling(param)
    if isinstance(param, click.Option) and param.is_flag:
        yield option if value else param.secondary_opts[0]
        return
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, tuple):
            yield from (option, *map(str, one))
        else:
            yield from [f"{option}={one}"] if option.startswith("--") else [option, str(one)]


def words_for(entry: Entry, command: click.Command, given: Sequence[str]) -> Tuple[Word, ...]:
    """Return the words that run a command on a model, its result to be written to a folder.

    Args:
        entry: The model.
        command: The command.
        given: Words that all models get; they go before what the entry says.

    Raises:
        RequestError: The entry says what the command does not know, or what cannot be.
    """
    from netsurgery.zoo import Reads, Writes

    words = said_by(entry, command, given)
    _check(entry, command, words)
    pair = (Reads(os.path.abspath(entry.prototxt)), Reads(os.path.abspath(entry.weights)))
    return (str(command.name), *pair, *read_of(command, words), Writes(option="--output"))


def said_by(
    entry: Entry, command: click.Command, given: Sequence[str], of_options: bool = True
) -> List[str]:
    """Return the words of a command that an entry says, and those that all models get.

    Args:
        entry: The model.
        command: The command.
        given: Words that all models get; they go before what the entry says.
        of_options: Also its options, and not only what it is run on.

    Raises:
        RequestError: The entry says what the command does not know.
    """
    over = {word.partition("=")[0] for word in given}
    said = [*(_of_options(entry, command) if of_options else ()), *_fed(entry, command)]
    return [*(word for word in said if word.partition("=")[0] not in over), *given]


def _check(entry: Entry, command: click.Command, words: Sequence[str]) -> None:
    try:
        ctx = command.make_context(command.name, ["-", "-", *words])
        refuse_clashes(ctx)
    except click.UsageError as error:
        raise RequestError(f"model {entry.name!r}: {error.format_message().rstrip('.')}") from None
    except NetsurgeryError as error:
        told = error.told(command.flag) if isinstance(command, Command) else str(error)
        raise RequestError(f"model {entry.name!r}: {told}") from None


def read_of(command: click.Command, words: Sequence[str]) -> Tuple[Word, ...]:
    """Return words in which those that name a file are told from others.

    Args:
        command: Whose options they are.
        words: Options, each in one word with its value.
    """
    from netsurgery.zoo import Reads

    files = {
        opt
        for param in command.params
        if isinstance(param.type, click.Path) and not isinstance(param.type, OutputType)
        for opt in param.opts
    }
    found: List[Word] = []
    for word in words:
        option, equals, value = word.partition("=")
        is_file = option in files or (option == "--preset" and os.path.exists(value))
        found.append(Reads(os.path.abspath(value), option) if equals and is_file else word)
    return tuple(found)


def _of_options(entry: Entry, command: click.Command) -> Iterator[str]:
    """The words of what is asked of a model."""
    for name, value in entry.options.items():
        pairs = value.items() if name == "budget" and isinstance(value, dict) else [(name, value)]
        for option, one in pairs:
            yield from _option(command, option, one)
    yield from _option(command, "plan", entry.plan)


def _fed(entry: Entry, command: click.Command) -> Iterator[str]:
    """The words of what a model is run on."""
    yield from _option(command, "inputs", [str(path) for path in entry.inputs])
    yield from _option(command, "labels", entry.labels)
    for name, shape in entry.input_shapes.items():
        yield f"--input={name}={','.join(map(str, shape))}"
    yield from prepared_words(entry.preprocessing)


def prepared_words(how: Union[Preprocessing, str, None]) -> Iterator[str]:
    """Yield the options that say how images are prepared."""
    if how is None:
        return
    if isinstance(how, str):
        yield f"--preset={how}"
        return
    said = how.to_dict()
    overrides = said.pop("overrides", None)
    for name, value in said.items():
        if "preset" in said and name != "preset" and name not in (overrides or ()):
            continue
        text = ",".join(map(repr, value)) if isinstance(value, list) else value
        yield f"--{name.replace('_', '-')}={text}"


def _option(command: click.Command, name: str, value: object) -> Iterator[str]:
    """The words of an option that an argument of the library stands for."""
    if value is None or value == []:
        return
    known: Dict[str, click.Parameter] = {
        **{spelling(param).lstrip("-").replace("-", "_"): param for param in command.params},
        **{str(param.name): param for param in command.params},
        **arguments_of(command),
    }
    param = known.get(name)
    if not isinstance(param, click.Option) or name in MADE:
        raise RequestError(f"{command.name} has no option {name!r}")
    option = spelling(param)
    if param.is_flag:
        contrary = param.name != name and str(param.name).startswith("no_")
        if bool(value) is not contrary:
            yield option
    elif param.multiple:
        yield from (f"{option}={one}" for one in _several(value))
    else:
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        yield f"{option}={text}"


def _several(value: object) -> List[str]:
    if isinstance(value, Mapping):
        return [f"{name}={one}" for name, one in value.items()]
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]
