"""What the commands share that make a smaller pair of a plan: options, and carrying it out."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

import click

from netsurgery.cli._command import flags_of_command
from netsurgery.cli._inputs import (
    PREPROCESSING,
    cache_option,
    engine_options,
    input_options,
    read_cache,
    read_engine,
    read_samples,
    tolerance_options,
)
from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import (
    CALIBRATION,
    FILE,
    JUDGING,
    OUTPUT,
    deploy_option,
    for_tools,
    force_option,
    json_option,
    options,
    print_json,
    say,
    section,
)
from netsurgery.cli._outputs import FOLDER, PAGE, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import read_model, shapes_option

Planner = Callable[[Any, Any, Callable[[str], None]], Any]

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
        deploy_option,
        force_option,
        click.option(
            "--dry-run", is_flag=True, help="Print the change to the prototxt, write nothing."
        ),
        click.option(
            "--blobs",
            type=click.Choice(["direct", "caffe"]),
            default="direct",
            show_default=True,
            help="Who writes the caffemodel: this tool, or pycaffe (net.params, net.save).",
        ),
        click.option("--html", type=PAGE, help="Also write the report as a page."),
    ),
    json_option,
)

SHOWN = 64
"""How many of the inputs of ``--calibrate`` stand in for ``--inputs``: random ones say less."""

ENGINE = ("engine", "caffe_python", "pythonpath")


def carry_out(
    prototxt: Path,
    weights: Path,
    planner: Planner,
    title: str,
    given: dict,
    prepare: Callable[[Any], Any] = lambda model: model,
) -> int:
    """Plan, apply, write and prove; print the report.

    Args:
        prototxt: The network.
        weights: Its weights.
        planner: Called with the model, the statistics or None, and a progress function; answers
            the plan.
        title: What the progress bar says.
        given: The values of `carry_out_options`.
        prepare: Makes of the model that was read the one that counts as the original.

    Returns:
        The exit status.
    """
    from netsurgery.compression import compress
    from netsurgery.planning import refuse_another
    from netsurgery.report import print_compression, require_plots, write_page

    force = given.pop("force")
    output, dry_run, html = (given.pop(name) for name in ("output", "dry_run", "html"))
    as_json, through_caffe = given.pop("as_json"), given.pop("blobs") == "caffe"
    if output is None and not dry_run:
        raise click.UsageError("say where the new pair goes: -o OUT")
    if html:
        require_plots()
    flag = flags_of_command()
    model = read_model(prototxt, weights, given.pop("input_shapes"))
    model = prepare(for_tools(model, given.pop("deploy")))
    if not (dry_run or force):
        refuse_another(output, model)
    engine = read_engine(*(given.pop(name) for name in ENGINE))
    with progress(title) as step:
        calibrator = read_calibrator(model, given, engine, step)
        proof = None if dry_run else _proof(model, engine, calibrator, given, step)
        plan = planner(model, calibrator, step)
        if dry_run:
            _print_diff(model, plan, calibrator, step)
            return 0
        done = compress(
            model,
            plan,
            output,
            proof,
            calibrator=calibrator,
            writer=_writer(engine) if through_caffe else None,
            progress=step,
            name=flag,
        )
    if html:
        write_page(done, ready(html), flag)
    if as_json:
        print_json(done.to_dict(flag))
    else:
        print_compression(done, flag)
    return 0 if done else 1


def read_calibrator(model: Any, given: dict, engine: Any, step: Callable[[str], None]) -> Any:
    """Return what runs the inputs of ``--calibrate``, or None; takes it out of ``given``."""
    from netsurgery.calibration import Calibrator

    paths, count = given.pop("calibrate"), given.pop("samples")
    cache = read_cache(given.pop("no_cache"))
    if not paths:
        if not given.get("inputs") and any(given.get(name) is not None for name in PREPROCESSING):
            raise click.UsageError("preprocessing flags need --inputs or --calibrate")
        return None
    chosen = {name: given.get(name) for name in PREPROCESSING}
    given_ones = {**chosen, "inputs": paths, "labels": None}
    samples = read_samples(model, given_ones, "TRAIN", count)
    seed, output = given.get("seed", 0), given.get("task_output")
    return Calibrator(samples, engine, seed, step, output, cache)


def _proof(
    model: Any, engine: Any, calibrator: Optional[Any], given: dict, step: Callable[[str], None]
) -> Any:
    from netsurgery.compression import Proof

    wanted = not given.pop("no_verify")
    samples = _samples(model, calibrator, given)
    inputs = samples and samples.told(step)
    return Proof(engine=engine, inputs=inputs, wanted=wanted, **given)


def _samples(model: Any, calibrator: Optional[Any], given: dict) -> Any:
    """What to judge by; preprocessing flags may be there for ``--calibrate`` alone."""
    if given["inputs"]:
        return read_samples(model, given)
    source = click.get_current_context().get_parameter_source("count")
    for name in PREPROCESSING:
        given.pop(name)
    labels = given.pop("labels")
    given.pop("inputs")
    if labels:
        raise click.UsageError("--labels needs --inputs")
    if calibrator is None or source is click.core.ParameterSource.COMMANDLINE:
        return None
    few = calibrator.inputs.spread(SHOWN)
    return replace(few, description=f"{few.description}, which it was fitted to")


def _writer(engine: Any) -> Any:
    from netsurgery.engine import Capability, choose

    needs = Capability.SET_PARAMETERS, Capability.WRITE_WEIGHTS
    return choose(engine if engine is not None and engine.can(*needs) else None, needs=needs)


def _print_diff(model: Any, plan: Any, calibrator: Optional[Any], step: Any) -> None:
    from netsurgery.surgery import operate

    before, after = model.prototxt, operate(model, plan, calibrator, step).model.prototxt
    old, new = (
        bytes(text).decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after)
    )
    lines = difflib.unified_diff(old, new, str(before.file), "compressed")
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    say(text or "no layer gains: the prototxt stays as it is")
