"""``netsurgery rank``: which channels matter, by criteria and by trying it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._inputs import (
    cache_option,
    engine_options,
    labels_option,
    preprocessing_options,
    read_cache,
    read_engine,
    read_samples,
)
from netsurgery.cli._numbers import FROM_ZERO, SEED
from netsurgery.cli._options import (
    FILE,
    OUTPUT,
    json_option,
    options,
    plain,
    print_json,
    prototxt_argument,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import RANKING, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import read_model, shapes_option

ENGINE = ("engine", "caffe_python", "pythonpath")


@click.command("rank", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    shapes_option,
    section(
        "What to rank by",
        click.option(
            "--criteria",
            default="l1",
            show_default=True,
            metavar="A,B,C",
            help="What to rank by: taylor, taylor2019, l1, l2, activation, activation-std, zeros, "
            "random and the other criteria.",
        ),
        click.option(
            "--oracle",
            is_flag=True,
            help="Remove each channel alone, see what becomes of the loss, and hold the criteria "
            "against that. Needs real Caffe.",
        ),
        click.option(
            "--flops",
            type=FROM_ZERO,
            default=0.0,
            metavar="LAMBDA",
            help="In the order over all layers, what one percent of the net's MACs is worth: a "
            "channel that costs much goes sooner.",
        ),
    ),
    section(
        "What to run on",
        click.option(
            "--data",
            "--inputs",
            "inputs",
            multiple=True,
            type=FILE,
            help="What to run on: an .npz with arrays named after the net's inputs (and `labels`), "
            "an .npy, images or folders of images, a train prototxt (what its data layer for TRAIN "
            "reads), an LMDB, HDF5 files. Criteria that look at weights alone need none.",
        ),
        labels_option,
        click.option(
            "--task-output",
            metavar="BLOB",
            help="The output that labels are for, where several hold classes.",
        ),
        click.option("--seed", type=SEED, default=0, show_default=True, help="For what is random."),
    ),
    cache_option,
    preprocessing_options,
    engine_options,
    section(
        OUTPUT,
        click.option(
            "-o",
            "--output",
            type=RANKING,
            help="A file for the whole ranking as JSON. With --oracle, what it measures is kept in "
            "OUTPUT.oracle, from which the next run goes on.",
        ),
    ),
    json_option,
)
def command(
    prototxt: Path,
    weights: Path,
    criteria: str,
    oracle: bool,
    flops: float,
    task_output: Optional[str],
    seed: int,
    output: Optional[Path],
    as_json: bool,
    **given: Any,
) -> None:
    """Rank the channels of a model by what they are worth.

    \b
    netsurgery rank deploy.prototxt net.caffemodel --criteria l1,somp
    netsurgery rank deploy.prototxt net.caffemodel --criteria taylor,l1 --data data.npz --oracle
    """
    from netsurgery.calibration import Calibrator
    from netsurgery.formats import write_together
    from netsurgery.ranking import rank
    from netsurgery.report import print_ranking

    model = read_model(prototxt, weights, given.pop("input_shapes"))
    engine = read_engine(*(given.pop(name) for name in ENGINE))
    inputs = read_samples(model, given, "TRAIN")
    names = [name.strip() for name in criteria.split(",")]
    notes = output.with_name(f"{output.name}.oracle") if output else None
    cache = read_cache(given.pop("no_cache"))
    with progress("ranking") as step:
        calibrator = inputs and Calibrator(inputs, engine, seed, step, task_output, cache)
        found = rank(
            model,
            names,
            calibrator,
            oracle=oracle,
            notes=notes,
            flops=flops,
            seed=seed,
            progress=step,
        )
    if output:
        text = json.dumps(plain(found.to_dict()), indent=2) + "\n"
        write_together({ready(output): lambda stream: stream.write(text.encode())})
    if as_json:
        print_json(found.to_dict())
    else:
        print_ranking(found)
