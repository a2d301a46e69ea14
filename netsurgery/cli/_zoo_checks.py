"""``netsurgery zoo verify``, ``compare`` and ``golden``: what came of a batch, checked."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Sequence, Union

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import OUTPUT, json_option, options, print_json, section
from netsurgery.cli._outputs import FOLDER
from netsurgery.cli._zoo_run import (
    PlaceType,
    ToldFlags,
    WorkFlags,
    carry_out,
    limits_of,
    read_models,
    told_options,
    work_options,
)
from netsurgery.cli._zoo_words import Passing, command_called, passed, read_of, said_by

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from netsurgery.zoo import Word

EXISTING = click.Path(exists=True, file_okay=True, path_type=Path)
_AS_JSON = "--json"
FED = frozenset({"--inputs", "--labels", "--random", "--seed", "--preset"})
"""What a net is run on."""


class _CheckFlags(WorkFlags, ToldFlags):
    output: Optional[Path]


@click.command("verify", cls=Passing, passes=("verify",))
@options(
    click.argument("folder", type=EXISTING),
    click.option(
        "--golden",
        type=EXISTING,
        metavar="FOLDER",
        help="Compare with golden values of the originals, made by `netsurgery zoo golden`.",
    ),
    section(
        OUTPUT,
        click.option("-o", "--output", type=FOLDER, help="Also keep what is found, in a folder."),
    ),
    work_options,
    told_options,
)
@click.pass_context
def verify(
    ctx: click.Context, folder: Path, golden: Optional[Path], **given: Unpack[_CheckFlags]
) -> None:
    """Compare each pair that a batch wrote with its original, or with golden values.

    \b
    netsurgery zoo verify out/
    netsurgery zoo verify out/ --inputs photos --preset caffenet --min-agreement 0.98
    netsurgery zoo verify out/ --golden golden/

    FOLDER is that of a batch, which `netsurgery zoo run` wrote. All flags of `netsurgery verify`
    are taken too; inputs and preprocessing are those that a pair was made with, where none are
    given.

    Exit status: 0 nothing failed; 1 a pair failed, crashed or was stopped; 2 could not run.
    """
    from netsurgery.formats import scratch_folder
    from netsurgery.zoo import Work, read_index, verifying

    index = read_index(folder)
    where = folder if folder.is_dir() else folder.parent
    saved = None if golden is None else ("--golden", golden)
    items, skipped = verifying(index, where, _TakenOver(passed(ctx), saved is not None), saved)
    limits = limits_of(given, len(items))
    work = Work(str(folder), "verify", items, skipped, limits)
    with contextlib.ExitStack() as stack:
        out = given["output"] or stack.enter_context(scratch_folder())
        ctx.exit(carry_out(work, out, given))


class _TakenOver:
    """Makes the options of a comparison of those that a pair was made with, and those given."""

    def __init__(self, given: Sequence[str], alone: bool) -> None:
        self._command = command_called("verify")
        self._given = list(given)
        self._kept = {opt for param in self._command.params for opt in param.opts}
        over = {word.partition("=")[0] for word in given}
        # Golden values come with the inputs that they are of.
        fed = FED if alone else frozenset()
        self._kept -= over | fed

    def __call__(self, made_with: Sequence[str]) -> Sequence[Word]:
        found = [word for word in made_with if word.partition("=")[0] in self._kept]
        return (*read_of(self._command, [*found, *self._given]), _AS_JSON)


class _GoldenFlags(WorkFlags, ToldFlags):
    output: Path


@click.command("golden", cls=Passing, passes=("verify",))
@options(
    click.argument("source", type=click.Path(path_type=Path)),
    section(
        OUTPUT,
        click.option(
            "-o", "--output", type=FOLDER, required=True, help="Folder for the golden values."
        ),
    ),
    work_options,
    told_options,
)
@click.pass_context
def golden(ctx: click.Context, source: Path, **given: Unpack[_GoldenFlags]) -> None:
    """Save golden values of all models of a source: what each gives for some inputs.

    \b
    netsurgery zoo golden models/ -o golden/                       on the machine that is trusted
    netsurgery zoo verify out/ --golden golden/                    anywhere, later

    The flags of `netsurgery verify` that say what a model is run on are taken too.

    Exit status: 0 all are saved; 1 a model failed, crashed or was stopped; 2 could not run.
    """
    from netsurgery.zoo import Work, golden_words

    batch = read_models(source)
    command, words = command_called("verify"), passed(ctx)
    items = tuple(
        (
            entry,
            golden_words(
                entry,
                read_of(command, said_by(entry, command, words, of_options=False)),
                "--save-golden",
            ),
        )
        for entry in batch.entries
    )
    limits = limits_of(given, len(items))
    work = Work(str(source), "golden", items, batch.skipped, limits)
    ctx.exit(carry_out(work, given["output"], given))


@click.command("compare", cls=Command)
@options(
    click.argument("before", type=PlaceType()),
    click.argument("after", type=PlaceType()),
    json_option,
)
@click.pass_context
def compare(
    ctx: click.Context, before: Union[str, Path], after: Union[str, Path], as_json: bool
) -> None:
    """Hold two runs of a batch against each other: what got better, worse, slower, lost.

    \b
    netsurgery zoo compare out-last-week/ out/

    Exit status: 0 nothing got lost or worse; 1 something did; 2 could not run.
    """
    from netsurgery.report import print_comparison
    from netsurgery.zoo import compare_batches, read_index

    done = compare_batches(read_index(before), read_index(after))
    if as_json:
        print_json(done.to_dict())
    else:
        print_comparison(done)
    ctx.exit(0 if done else 1)
