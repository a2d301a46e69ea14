"""``netsurgery zoo run``: a command on every model of a batch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Optional, TypedDict, Union

import click

from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import (
    OUTPUT,
    Decorator,
    json_option,
    options,
    print_json,
    section,
)
from netsurgery.cli._outputs import FOLDER, PAGE, OutputType, ready
from netsurgery.cli._process import COULD_NOT_RUN
from netsurgery.cli._progress import progress
from netsurgery.cli._zoo_words import COMMANDS, Passing, command_called, passed, words_for
from netsurgery.jobs import OutputFile

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from netsurgery.zoo import Index, ModelBatch, Scheduler, TaskLimits, Work

TABLE = OutputType(OutputFile("a table", (".csv",)).checked)
HOUR = 3600.0
REPORT = "report.html"
"""The page of a model, in the folder of its result."""
_SHARE_OF_MEMORY = 0.9


class SizeType(click.ParamType):
    """A number of bytes: ``2GB``, ``600MB``."""

    name = "size"

    def convert(
        self,
        value: Union[str, int],
        param: Optional[click.Parameter],
        ctx: Optional[click.Context],
    ) -> int:
        """Read what the user wrote; click names the option where it is none."""
        from netsurgery.costs import parse_bytes
        from netsurgery.errors import PlanError

        if isinstance(value, int):
            return value
        try:
            size = parse_bytes(value)
        except PlanError as error:
            self.fail(str(error), param, ctx)
        if size <= 1:
            self.fail(f"{value} is no size; write 2GB, or 600MB", param, ctx)
        return int(size)


class PlaceType(click.ParamType):
    """A folder, or a URL below which results go."""

    name = "folder"

    def convert(
        self,
        value: Union[str, Path],
        param: Optional[click.Parameter],
        ctx: Optional[click.Context],
    ) -> Union[str, Path]:
        """Return a URL as it is, and the path of a folder."""
        from netsurgery.zoo import is_url

        return value if is_url(str(value)) else FOLDER.convert(value, param, ctx)


class WorkFlags(TypedDict):
    """The values of `work_options`."""

    workers: Optional[int]
    memory: Optional[int]
    timeout: float


class ToldFlags(TypedDict):
    """The values of `told_options`."""

    as_json: bool
    csv: Optional[Path]
    html: Optional[Path]
    strict: bool


work_options: Decorator = section(
    "Running many models",
    click.option(
        "--jobs",
        "workers",
        type=COUNT,
        metavar="N",
        help="How many models run at once; they share the cores. [default: one a core]",
    ),
    click.option(
        "--memory",
        type=SizeType(),
        metavar="SIZE",
        help="What the processes of one model may hold together, 2GB for one, before it is "
        "stopped. [default: its share of nine tenths of this machine's]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=HOUR,
        show_default=True,
        metavar="SECONDS",
        help="How long one model may take before it is stopped.",
    ),
)

told_options: Decorator = options(
    section(
        OUTPUT,
        click.option("--csv", type=TABLE, help="Also write a table, a line for each model."),
        click.option(
            "--html",
            type=PAGE,
            help="Also write the index as a page, with a page for each model that a smaller pair "
            "is made of.",
        ),
        click.option(
            "--strict", is_flag=True, help="Exit 1 also where a model was refused or left out."
        ),
    ),
    json_option,
)


class _Flags(WorkFlags, ToldFlags):
    command: str
    output: Union[str, Path]
    scheduler: Optional[str]


@click.command("run", cls=Passing, passes=COMMANDS)
@options(
    click.argument("source", type=click.Path(path_type=Path)),
    section(
        OUTPUT,
        click.option(
            "-o",
            "--output",
            type=PlaceType(),
            required=True,
            metavar="FOLDER|URL",
            help="Folder for the results; or a URL that fsspec knows, as s3://bucket/zoo, to which "
            "what is read goes too, for workers of a cluster that share no folder.",
        ),
    ),
    section(
        "Running many models",
        click.option(
            "--command",
            type=click.Choice(COMMANDS),
            default="compress",
            show_default=True,
            help="What is done with each; all flags of that command are taken too (`netsurgery "
            "compress --help`), and go before what a manifest says.",
        ),
    ),
    work_options,
    section(
        "Running many models",
        click.option(
            "--scheduler",
            metavar="tcp://HOST:PORT",
            help="Have them run by a Dask cluster: the models and the folder are where all workers "
            "see them under the same paths, or the results go to a URL. A thread of a worker is "
            "taken for a core. There is no limit of memory unless one is given.",
        ),
    ),
    told_options,
)
@click.pass_context
def run(ctx: click.Context, source: Path, **given: Unpack[_Flags]) -> None:
    """Compress all models of a folder, a manifest or a model zoo's pages, and prove each.

    \b
    netsurgery zoo run models/ -o out/ --energy 0.9
    netsurgery zoo run manifest.yaml -o out/ --macs 0.5 --calibrate photos --jobs 4 --memory 4GB
    netsurgery zoo run models/ -o out/ --command thin --keep 0.7 --criterion l1

    Each model runs in a process of its own. Run it again after an interruption, or a change: what
    is finished, by the contents of its files, its options and this version, is not done again. The
    results are in a folder for each model; zoo.json there tells of all of them.

    Exit status: 0 fine, also where models were refused for a reason that is told; 1 a model
    failed, crashed or was stopped; 2 could not run, or no model could be done.
    """
    from netsurgery.zoo import DaskScheduler, Work, Writes

    address = given["scheduler"]
    if address is not None and given["workers"] is not None:
        raise click.UsageError(
            "--jobs and --scheduler contradict each other: a cluster has workers"
        )
    scheduler = None if address is None else DaskScheduler(address)
    pages = [Writes(REPORT, "--html")] if given["html"] else []
    batch = read_models(source)
    words = passed(ctx)
    command = command_called(given["command"])
    work = Work(
        source=str(source),
        command=given["command"],
        items=tuple(
            (entry, (*words_for(entry, command, words), *pages)) for entry in batch.entries
        ),
        skipped=batch.skipped,
        limits=limits_of(given, len(batch.entries), here=scheduler is None),
    )
    ctx.exit(carry_out(work, given["output"], given, scheduler))


def read_models(source: Path) -> ModelBatch:
    """Return the models of a source, of which there is one at least.

    Raises:
        click.UsageError: There is none.
    """
    from netsurgery.zoo import read_source

    with progress("looking for models") as work:
        batch = read_source(source, download=True, progress=work)
    if not batch.entries:
        raise click.UsageError(f"{source}: no model is there; `netsurgery zoo list` tells why")
    return batch


def limits_of(given: WorkFlags, models: int, here: bool = True) -> TaskLimits:
    """Return the limits that the flags set, or those by default.

    Args:
        given: The flags.
        models: How many models there are.
        here: Whether they run on this machine.
    """
    from netsurgery.zoo import LocalScheduler, TaskLimits

    memory = given["memory"]
    if here and memory is None and hasattr(os, "sysconf"):
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        at_once = max(1, min(LocalScheduler(given["workers"]).workers, models))
        memory = int(_SHARE_OF_MEMORY * whole / at_once)
    return TaskLimits(memory, given["timeout"])


class _Both(WorkFlags, ToldFlags):
    """What `carry_out` looks at."""


def carry_out(
    work: Work, out: Union[str, Path], given: _Both, scheduler: Optional[Scheduler] = None
) -> int:
    """Run a batch and print what came of it.

    Args:
        work: What is to be done.
        out: Where the results go.
        given: How many run at once, and what is told.
        scheduler: Who runs it; this machine if None.

    Returns:
        The exit status.
    """
    from netsurgery.cli._zoo_progress import batch_progress
    from netsurgery.report import require_pages
    from netsurgery.zoo import LocalScheduler, run_batch

    if given["html"]:
        require_pages()
    with batch_progress() as listener:
        index = run_batch(work, out, scheduler or LocalScheduler(given["workers"]), listener)
    return told(index, out, given)


def told(index: Index, out: Union[str, Path], given: ToldFlags) -> int:
    """Print what a batch did, and write what is wanted of it; returns the exit status."""
    from netsurgery.report import print_index, write_zoo_page
    from netsurgery.zoo import to_csv

    table = given["csv"]
    if table is not None:
        ready(table).write_text(to_csv(index), encoding="utf-8")
    page = given["html"]
    if page is not None:
        # Of results behind a URL there are no pages that a browser could open from here.
        linked = {
            one.name: os.path.relpath(out / one.name / REPORT, page.parent)
            for one in index.models
            if isinstance(out, Path) and REPORT in one.files
        }
        write_zoo_page(index, ready(page), linked)
    if given["as_json"]:
        print_json(index.to_dict())
    else:
        print_index(index)
    if not index.models or {one.status for one in index.models} == {"refused"}:
        # Most likely it is what was asked for that cannot be, and not the models.
        return COULD_NOT_RUN
    refused = bool(index.skipped) or any(one.status == "refused" for one in index.models)
    return 1 if not index or (given["strict"] and refused) else 0
