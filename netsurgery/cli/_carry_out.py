"""What the commands share that make a smaller pair of a plan: options, and carrying it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional, Tuple, TypedDict, TypeVar

import click

from netsurgery.cli._cache import growth_told
from netsurgery.cli._command import flags_of_command
from netsurgery.cli._inputs import (
    CacheFlags,
    EngineFlags,
    FedArguments,
    InputFlags,
    ToleranceFlags,
    cache_given,
    cache_option,
    engine_given,
    engine_options,
    fed_arguments,
    input_options,
    judged_arguments,
    tolerance_options,
)
from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import (
    CALIBRATION,
    FILE,
    JUDGING,
    OUTPUT,
    deploy_option,
    force_option,
    json_option,
    options,
    say,
    section,
    solver_option,
    tell_of_phases,
    train_val_option,
)
from netsurgery.cli._outputs import FOLDER, PAGE, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._timings import print_timed_json, tell_timings, timings_option
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from netsurgery.engine import Engine
    from netsurgery.jobs import Compression, CompressRequest, ThinRequest
    from netsurgery.network import Model
    from netsurgery.progress import Progress

    Request = TypeVar("Request", CompressRequest, ThinRequest)
    Job = Callable[[Model, Request, Path, Progress, Callable[[str], str]], Compression]


class CalibrateFlags(CacheFlags):
    """The values of `calibrate_option`."""

    calibrate: Tuple[Path, ...]
    samples: Optional[int]


class WritingFlags(TypedDict):
    """The values of `carry_out_options` that say what is written and printed."""

    input_shapes: Shapes
    output: Optional[Path]
    train_val: Optional[Path]
    solver: Optional[Path]
    deploy: bool
    force: bool
    dry_run: bool
    blobs: str
    html: Optional[Path]
    no_verify: bool
    as_json: bool
    timings: bool


class CarryOutFlags(CalibrateFlags, InputFlags, ToleranceFlags, EngineFlags, WritingFlags):
    """The values of `carry_out_options`."""


class CalibratedArguments(TypedDict):
    """Arguments of the library that `calibrate_option` stands for."""

    calibrate: Optional[Tuple[Path, ...]]
    samples: Optional[int]
    cache: Optional[Path]


class PairArguments(CalibratedArguments, FedArguments, ToleranceFlags):
    """Arguments of the library that `carry_out_options` stand for."""

    engine: Optional[Engine]
    verify: bool
    writer: str
    deploy: bool
    force: bool
    train_val: Optional[Path]
    solver: Optional[Path]


calibrate_option = section(
    CALIBRATION,
    click.option(
        "--calibrate",
        multiple=True,
        type=FILE,
        help="What to fit to: arrays or images like those the net was trained on, a few hundred or "
        "more; with the same preprocessing flags as --inputs; or a train prototxt (what its data "
        "layer for TRAIN reads), an LMDB, HDF5 files. Never those it is judged by.",
    ),
    click.option(
        "--samples",
        type=COUNT,
        metavar="N",
        help="Use N samples of --calibrate, spread evenly over it. [default: all]",
    ),
    cache_option,
)

carry_out_options = options(
    shapes_option,
    calibrate_option,
    input_options,
    tolerance_options,
    section(
        JUDGING,
        click.option("--no-verify", is_flag=True, help="Write the pair without running it."),
    ),
    engine_options,
    section(
        OUTPUT,
        click.option("-o", "--output", type=FOLDER, help="Folder for the new pair and its report."),
        train_val_option,
        solver_option,
        deploy_option,
        force_option,
        click.option(
            "--dry-run", is_flag=True, help="Print the change to the prototxt, write nothing."
        ),
        click.option(
            "--blobs",
            type=click.Choice(CHOICES["writer"]),
            default="direct",
            show_default=True,
            help="Who writes the caffemodel: this tool, or pycaffe (net.params, net.save).",
        ),
        click.option("--html", type=PAGE, help="Also write the report as a page."),
    ),
    json_option,
    timings_option,
)


def calibrated_arguments(given: CalibrateFlags) -> CalibratedArguments:
    """Return what the calibration options say, as arguments of the library."""
    return {
        "calibrate": given["calibrate"] or None,
        "samples": given["samples"],
        "cache": cache_given(given),
    }


def pair_arguments(given: CarryOutFlags) -> PairArguments:
    """Return what the options say of how a pair is made, as arguments of the library."""
    return {
        **calibrated_arguments(given),
        **fed_arguments(given),
        **judged_arguments(given),
        "engine": engine_given(given),
        "verify": not given["no_verify"],
        "writer": given["blobs"],
        "deploy": given["deploy"],
        "force": given["force"],
        "train_val": given["train_val"],
        "solver": given["solver"],
    }


def carry_out(
    files: Tuple[Path, Path], request: Request, job: Job[Request], title: str, given: WritingFlags
) -> int:
    """Do a job that writes a smaller pair, or preview it; print the report.

    Args:
        files: Prototxt and weights.
        request: What is asked for.
        job: What does it.
        title: What the progress bar says.
        given: What is written and printed.

    Returns:
        The exit status.
    """
    import netsurgery as ns
    from netsurgery.jobs import show
    from netsurgery.report import print_compression, require_pages, write_page

    output, html = given["output"], given["html"]
    if output is None and not given["dry_run"]:
        raise click.UsageError("say where the new pair goes: -o OUT")
    if html:
        require_pages()
    flag = flags_of_command()
    cached = growth_told(request.cache)
    model = ns.load(*files, given["input_shapes"])
    tell_of_phases(model, given["deploy"])
    if output is None or given["dry_run"]:
        with cached, progress(title) as work:
            shown = ns.preview(model, request, output, work)
        say(shown.diff or "no layer gains: the prototxt stays as it is")
        tell_timings(work, given["timings"])
        return 0
    with cached, progress(title) as work:
        done = job(model, request, output, work, flag)
        if html:
            write_page(done, ready(html), flag, show(done, request, work))
    if given["as_json"]:
        print_timed_json(done.to_dict(flag), work, given["timings"])
    else:
        print_compression(done, flag)
        tell_timings(work, given["timings"])
    return 0 if done else 1
