"""``netsurgery verify``: compare two models, or one with what another left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._command import Command, flags_of_command
from netsurgery.cli._inputs import (
    engine_options,
    input_options,
    read_engine,
    read_samples,
    tolerance_options,
)
from netsurgery.cli._options import (
    FILE,
    JUDGING,
    json_option,
    options,
    print_json,
    say,
    section,
)
from netsurgery.cli._outputs import GOLDEN, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import read_model, shapes_option

TOLERANCES = ("expect", "max_error", "min_agreement", "output", "output_kinds", "accept_loss")


@click.command("verify", cls=Command)
@options(
    click.argument("files", type=FILE, nargs=-1, metavar="A.prototxt A.caffemodel [B... B...]"),
    shapes_option,
    section(
        JUDGING,
        click.option(
            "--expect",
            type=click.Choice(["approx", "exact"]),
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
    ),
    tolerance_options,
    input_options,
    engine_options,
    section(
        "Without a second net",
        click.option("--save-golden", type=GOLDEN, help="Run A alone and save what it gives."),
        click.option("--golden", type=FILE, help="Compare A with what was saved."),
    ),
    json_option,
)
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    save_golden: Optional[Path],
    golden: Optional[Path],
    as_json: bool,
    **given: Any,
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
    from netsurgery.report import print_verification

    alone = bool(save_golden or golden)
    if len(files) != (2 if alone else 4) or (save_golden and golden):
        raise click.UsageError(
            "give a prototxt and its weights" if alone else "give two prototxts, each with weights"
        )
    shapes = given.pop("input_shapes")
    models = [read_model(files[i], files[i + 1], shapes) for i in range(0, len(files), 2)]
    given["engine"] = read_engine(
        given.pop("engine"), given.pop("caffe_python"), given.pop("pythonpath")
    )
    given["output"] = given.pop("task_output")
    blobs = given.pop("blobs")
    given["blobs"] = blobs[0] if blobs in (("outputs",), ("common",)) else blobs
    given["inputs"] = None if golden else read_samples(models[0], given)
    with progress("running") as step:
        given["inputs"] = given["inputs"] and given["inputs"].told(step)
        if save_golden:
            _save(models[0], save_golden, given)
            return
        done = _compare(models, golden, given)
    flag = flags_of_command()
    if as_json:
        print_json(done.to_dict(flag))
    else:
        print_verification(done, flag=flag)
    ctx.exit({True: 0, False: 1, None: 2}[done.passed])


def _save(model: Any, path: Path, given: dict) -> None:
    from netsurgery.verification import save_golden

    chosen = {name: given[name] for name in ("inputs", "count", "seed", "engine")}
    save_golden(model, ready(path), **chosen)
    say(f"written {path}")


def _compare(models: list, golden: Optional[Path], given: dict) -> Any:
    from netsurgery.verification import verify, verify_golden

    if golden is None:
        return verify(*models, **given)
    chosen = {name: given[name] for name in ("engine", *TOLERANCES)}
    return verify_golden(models[0], golden, **chosen)
