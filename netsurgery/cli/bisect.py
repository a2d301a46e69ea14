"""``netsurgery bisect``: the changes that fail a check, or the smallest rank that passes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, List, Optional, Tuple

import click

from netsurgery.cli._command import Command
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
from netsurgery.cli._options import FILE, JUDGING, json_option, options, print_json, section
from netsurgery.cli._outputs import FOLDER, JUNIT
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(InputFlags, ToleranceFlags, EngineFlags):
    input_shapes: Shapes
    expect: str


@click.command("bisect", cls=Command)
@options(
    click.argument(
        "files",
        type=FILE,
        nargs=-1,
        metavar="ORIGINAL.prototxt ORIGINAL.caffemodel [NEW.prototxt NEW.caffemodel | OUT]",
    ),
    shapes_option,
    section(
        "What to look for",
        click.option("--rank", metavar="LAYER", help="The smallest rank of a layer that passes."),
        click.option(
            "--method",
            metavar="NAME",
            help="How that layer is rewritten. [default: as in OUT, or svd or channel_svd]",
        ),
    ),
    section(
        JUDGING,
        click.option(
            "--expect",
            type=click.Choice(CHOICES["expect"]),
            default="approx",
            show_default=True,
            help="exact: equal up to the float noise that the original shows against itself.",
        ),
        click.option(
            "--check",
            metavar="COMMAND",
            help="Judge by a command: {prototxt} and {weights} stand for the files. Exit status 0 "
            "passes, 125 cannot tell, any other fails.",
        ),
    ),
    tolerance_options,
    input_options,
    engine_options,
    section(
        "What is written",
        click.option(
            "-o", "--out", type=FOLDER, help="Write the smallest failing pair, or that of the rank."
        ),
        click.option("--answers", type=FILE, help="Keep answers here, and go on from them."),
        click.option("--junit", type=JUNIT, help="Write a report for a CI system."),
    ),
    json_option,
)
@click.pass_context
def command(
    ctx: click.Context,
    files: Tuple[Path, ...],
    rank: Optional[str],
    method: Optional[str],
    check: Optional[str],
    out: Optional[Path],
    answers: Optional[Path],
    junit: Optional[Path],
    as_json: bool,
    **given: Unpack[_Flags],
) -> None:
    """Find the change of a net that fails a check, or the smallest rank that passes it.

    \b
    netsurgery bisect a.prototxt a.caffemodel out --expect exact
    netsurgery bisect a.prototxt a.caffemodel out --check 'judge {prototxt} {weights}'
    netsurgery bisect a.prototxt a.caffemodel --rank fc6 --inputs photos --min-agreement 99%

    Changes are put back by halves (delta debugging) until none can be left out.

    Exit status: 0 the new net passes, or the rank was found; 1 it fails, and why; no rank passes;
    2 could not run.
    """
    import netsurgery as ns
    from netsurgery.report import junit_of_bisection, print_bisection

    pairs = _pairs(files, rank)
    models = [ns.load(*pair, given["input_shapes"]) for pair in pairs]
    request = ns.BisectRequest(
        engine=engine_given(given),
        expect=given["expect"],
        check=check,
        rank=rank,
        method=method,
        answers=answers,
        **fed_arguments(given),
        **judged_arguments(given),
    )
    with progress("bisecting") as work:
        found = ns.bisect(models[0], models[1] if models[1:] else None, request, out, work)
    if junit is not None:
        junit_of_bisection(found).save(junit)
    if as_json:
        print_json(found.to_dict())
    else:
        print_bisection(found)
    ctx.exit(0 if found else 1)


def _pairs(files: Tuple[Path, ...], rank: Optional[str]) -> List[Tuple[Path, Path]]:
    """The original and, if there is one, the new pair; a folder stands for the pair in it."""
    from netsurgery.jobs import pair_in

    given = list(files)
    if len(given) == 3 and given[2].is_dir():
        given[2:] = pair_in(given[2])
    if len(given) not in ((2, 4) if rank is not None else (4,)):
        raise click.UsageError("give two prototxts, each with weights, or a folder for the second")
    return list(zip(given[::2], given[1::2]))
