"""``netsurgery prune``: make weights of a net zero, and keep the masks that say which."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional, Tuple

import click

from netsurgery.cli._command import Command, flags_of_command
from netsurgery.cli._inputs import (
    EngineFlags,
    PreprocessingFlags,
    engine_given,
    engine_options,
    labels_option,
    preprocessing_options,
    read_kinds,
    read_preprocessing,
)
from netsurgery.cli._numbers import SEED
from netsurgery.cli._options import (
    FILE,
    JUDGING,
    OUTPUT,
    force_option,
    json_option,
    options,
    prototxt_argument,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import FOLDER
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._shares import RATIO, SHARE
from netsurgery.cli._timings import print_timed_json, tell_timings, timings_option
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(PreprocessingFlags, EngineFlags):
    saliency: str
    sparsity: Optional[float]
    pattern: str
    scope: str
    layers: Tuple[str, ...]
    keep: Tuple[str, ...]
    calibrate: Tuple[Path, ...]
    labels: Optional[Path]
    validate: Tuple[Path, ...]
    masks: Optional[Path]
    max_error: Optional[float]
    min_agreement: Optional[float]
    output_kinds: Dict[str, str]
    task_output: Optional[str]
    seed: int
    input_shapes: Shapes
    output: Optional[Path]
    force: bool
    as_json: bool
    timings: bool


_pruning_options = section(
    "Which weights go",
    click.option(
        "--method",
        "saliency",
        default="magnitude",
        show_default=True,
        metavar="NAME",
        help="What says how much a weight matters: magnitude, lamp, random and others; a wrong one "
        "lists them.",
    ),
    click.option(
        "--sparsity",
        type=SHARE,
        metavar="SHARE",
        help="Share of the weights that become zero: 0.9 or 90%.",
    ),
    click.option(
        "--pattern",
        default="weights",
        show_default=True,
        metavar="NAME|N:M",
        help="What goes together: weights (each for itself), kernels (all taps of an output with "
        "an input), rows (all that makes an output), columns (all that reads an input), or of M "
        "weights in a row all but N.",
    ),
    click.option(
        "--scope",
        type=click.Choice(CHOICES["scope"]),
        default="net",
        show_default=True,
        help="Whether the least weights of the whole net go, or those of each layer.",
    ),
    click.option(
        "--layers",
        multiple=True,
        metavar="LAYER",
        help="Only these layers: a name, a glob or a type. Repeatable.",
    ),
    click.option("--keep", multiple=True, metavar="LAYER", help="Not these. Repeatable."),
    click.option(
        "--masks", type=FILE, help="Masks that prune wrote before: what they close stays zero."
    ),
    click.option("--seed", type=SEED, default=0, show_default=True, help="Of all that is drawn."),
)

_input_options = section(
    "What it is run on",
    click.option(
        "--calibrate",
        multiple=True,
        type=FILE,
        help="Inputs like those the net was trained on, for methods that look at what it computes: "
        "an .npz with arrays named after the net's inputs (and `labels`), an .npy, images or "
        "folders of images, a train prototxt (what its data layer for TRAIN reads), an LMDB, HDF5 "
        "files.",
    ),
    labels_option,
)

_judging_options = section(
    JUDGING,
    click.option(
        "--validate",
        multiple=True,
        type=FILE,
        help="Inputs to judge by. If not given, 64 of --calibrate, or random ones.",
    ),
    click.option(
        "--max-error",
        type=RATIO,
        metavar="ERROR",
        help="Largest relative error of an output that passes: 0.05 or 5%.",
    ),
    click.option(
        "--min-agreement",
        type=SHARE,
        metavar="SHARE",
        help="Smallest share of these inputs that keep their top-1 class (or detections); with "
        "labels, one minus the accuracy that may be lost.",
    ),
    click.option(
        "--task-output",
        metavar="BLOB",
        help="The output that labels are for, where several hold classes.",
    ),
    click.option(
        "--output-kind",
        "output_kinds",
        multiple=True,
        callback=read_kinds,
        metavar="BLOB=KIND",
        help="What an output is, where the net does not tell. Repeatable.",
    ),
)


@click.command("prune", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    shapes_option,
    _pruning_options,
    _input_options,
    _judging_options,
    preprocessing_options,
    engine_options,
    section(
        OUTPUT,
        click.option(
            "-o", "--output", type=FOLDER, help="Folder for the new pair, its masks and its record."
        ),
        force_option,
    ),
    json_option,
    timings_option,
)
@click.pass_context
def command(ctx: click.Context, prototxt: Path, weights: Path, **given: Unpack[_Flags]) -> None:
    """Make weights of a net zero, and keep masks that say which, beside the new pair.

    \b
    netsurgery prune deploy.prototxt net.caffemodel --sparsity 0.9 -o pruned/
    netsurgery prune deploy.prototxt net.caffemodel --method lamp --sparsity 90% -o pruned/

    The files keep their size: zeros are stored as numbers. `netsurgery thin --from-zeros` cuts out
    channels of which all weights are zero.

    Exit status: 0 the pair is written; 1 a limit of yours is not kept, or a file is not what was
    meant; 2 could not run.
    """
    import netsurgery as ns
    from netsurgery.report import print_pruned

    if given["output"] is None:
        raise click.UsageError("say where the new pair goes: -o OUT")
    flag = flags_of_command()
    request = ns.PruneRequest(
        sparsity=given["sparsity"],
        saliency=given["saliency"],
        pattern=given["pattern"],
        scope=given["scope"],
        layers=given["layers"],
        keep=given["keep"],
        calibrate=given["calibrate"] or None,
        labels=given["labels"],
        validate=given["validate"] or None,
        masks=given["masks"],
        max_error=given["max_error"],
        min_agreement=given["min_agreement"],
        output_kinds=given["output_kinds"],
        task_output=given["task_output"],
        seed=given["seed"],
        force=given["force"],
        engine=engine_given(given),
        preprocessing=read_preprocessing(given),
    )
    model = ns.load(prototxt, weights, given["input_shapes"])
    with progress("pruning") as work:
        done = ns.prune(model, request, given["output"], work, flag)
    if given["as_json"]:
        print_timed_json(done.to_dict(flag), work, given["timings"])
    else:
        print_pruned(done, flag)
        tell_timings(work, given["timings"])
    ctx.exit(0 if done else 1)
