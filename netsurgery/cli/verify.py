"""``netsurgery verify``: compare two models, or one with what another left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

import click

from netsurgery.cli._command import Command, flags_of_command
from netsurgery.cli._inputs import (
    EngineFlags,
    InputFlags,
    ToleranceFlags,
    engine_given,
    engine_options,
    fed_arguments,
    input_options,
    judged_arguments,
    tolerance_options,
)
from netsurgery.cli._options import (
    FILE,
    JUDGING,
    OUTPUT,
    json_option,
    options,
    say,
    section,
)
from netsurgery.cli._outputs import GOLDEN, JUNIT, PAGE, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._timings import print_timed_json, tell_timings, timings_option
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(InputFlags, ToleranceFlags, EngineFlags):
    input_shapes: Shapes
    expect: str
    blobs: Tuple[str, ...]
    trace: bool
    html: Optional[Path]


@click.command("verify", cls=Command)
@options(
    click.argument("files", type=FILE, nargs=-1, metavar="A.prototxt A.caffemodel [B... B...]"),
    shapes_option,
    section(
        JUDGING,
        click.option(
            "--expect",
            type=click.Choice(CHOICES["expect"]),
            default="approx",
            show_default=True,
            help="exact: equal up to the float noise that A shows against itself.",
        ),
        click.option(
            "--blobs",
            multiple=True,
            default=["outputs"],
            show_default=True,
            help="outputs, common (all that both have), or the name of a blob. Repeatable.",
        ),
        click.option(
            "--trace",
            is_flag=True,
            help="Say at which blob differences begin, of nets that pass too.",
        ),
    ),
    tolerance_options,
    input_options,
    engine_options,
    section(
        "Without a second net",
        click.option("--save-golden", type=GOLDEN, help="Run A alone and save what it gives."),
        click.option("--golden", type=FILE, help="Compare A with what was saved."),
    ),
    section(
        OUTPUT,
        click.option(
            "--html", type=PAGE, help="Also write the report as a page, with a trace of the nets."
        ),
        click.option("--junit", type=JUNIT, help="Also write a report for a CI system."),
    ),
    json_option,
    timings_option,
)
@click.pass_context
def command(
    ctx: click.Context,
    files: Tuple[Path, ...],
    save_golden: Optional[Path],
    golden: Optional[Path],
    junit: Optional[Path],
    as_json: bool,
    timings: bool,
    **given: Unpack[_Flags],
) -> None:
    """Run two models on the same inputs and say how far they are apart.

    \b
    netsurgery verify a.prototxt a.caffemodel b.prototxt b.caffemodel --expect exact
    netsurgery verify a.prototxt a.caffemodel --save-golden golden.npz
    netsurgery verify b.prototxt b.caffemodel --golden golden.npz

    Without a limit of yours, the outputs of the second net are held to the limits below.

    Exit status: 0 passed, 1 failed, 2 could not run, or could not be judged: random inputs do not
    tell what a net is worth.
    """
    import netsurgery as ns
    from netsurgery.report import (
        junit_of_verification,
        print_verification,
        require_pages,
        write_verification_page,
    )

    alone = bool(save_golden or golden)
    if len(files) != (2 if alone else 4) or (save_golden and golden):
        raise click.UsageError(
            "give a prototxt and its weights" if alone else "give two prototxts, each with weights"
        )
    if given["html"]:
        require_pages()
    pairs = zip(files[::2], files[1::2])
    models = [ns.load(*pair, given["input_shapes"]) for pair in pairs]
    engine, fed = engine_given(given), fed_arguments(given)
    with progress("comparing") as work:
        if save_golden:
            path = ns.save_golden(models[0], save_golden, ns.FedRequest(engine=engine, **fed), work)
            say(f"written {path}")
            tell_timings(work, timings)
            return
        request = ns.VerifyRequest(
            engine=engine,
            expect=given["expect"],
            blobs=given["blobs"],
            trace=given["trace"] or (bool(given["html"]) and not golden),
            **fed,
            **judged_arguments(given),
        )
        if golden:
            done = ns.verify_golden(models[0], golden, request)
        else:
            done = ns.verify(models[0], models[1], request, work)
    if junit is not None:
        junit_of_verification(done).save(junit)
    flag = flags_of_command()
    if given["html"]:
        write_verification_page(done, ready(given["html"]), flag)
    if as_json:
        print_timed_json(done.to_dict(flag), work, timings)
    else:
        print_verification(done, flag=flag)
        tell_timings(work, timings)
    ctx.exit({True: 0, False: 1, None: 2}[done.passed])
