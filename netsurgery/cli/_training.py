"""The options of commands that train: what a net learns from, how, and when it stops."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional, Tuple, TypedDict

import click

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
from netsurgery.cli._numbers import COUNT, SEED, FiniteType
from netsurgery.cli._options import (
    FILE,
    JUDGING,
    OUTPUT,
    Decorator,
    force_option,
    json_option,
    options,
    section,
)
from netsurgery.cli._outputs import FOLDER, PLOT
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._shares import RATIO, SHARE, SHARE_ABOVE_ZERO
from netsurgery.cli._timings import timings_option
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from netsurgery.calibration import Preprocessing
    from netsurgery.engine import Engine

TRAINING = "Training"
TEACHING = "Without labels"
SEEING = "What it sees"
STOPPING = "When it stops"
FROM_ZERO = click.IntRange(0, 10**9)
ABOVE_ZERO = FiniteType(1e-12)


class _GivenAsTold(TypedDict):
    """What the options hand on as it is given."""

    labels: Optional[Path]
    train_val: Optional[Path]
    solver: Optional[Path]
    steps: Optional[int]
    batch: Optional[int]
    lr: Optional[float]
    only_new: bool
    freeze: Tuple[str, ...]
    batchnorm: str
    masks: Optional[Path]
    teacher: Optional[Tuple[Path, Path]]
    temperature: Optional[float]
    hints: Tuple[str, ...]
    mirror: bool
    crop: Optional[int]
    shift: int
    zoom: Optional[float]
    views: Optional[int]
    hold_out: Optional[float]
    validate_every: Optional[int]
    patience: int
    task_output: Optional[str]
    output_kinds: Dict[str, str]
    seed: int
    force: bool
    max_error: Optional[float]
    min_agreement: Optional[float]


class TrainingFlags(_GivenAsTold, PreprocessingFlags, EngineFlags):
    """The values of `training_options` and of `report_limits`."""

    calibrate: Tuple[Path, ...]
    validate: Tuple[Path, ...]


class TrainingOutputFlags(TypedDict):
    """The values of `training_output_options`."""

    input_shapes: Shapes
    output: Optional[Path]
    plot: Optional[Path]
    as_json: bool
    timings: bool


class TrainingArguments(_GivenAsTold):
    """Arguments of the library that the options stand for."""

    calibrate: Optional[Tuple[Path, ...]]
    validate: Optional[Tuple[Path, ...]]
    engine: Optional[Engine]
    preprocessing: Optional[Preprocessing]


_learning_options = section(
    TRAINING,
    click.option(
        "--calibrate",
        multiple=True,
        type=FILE,
        help="What to train on: an .npz with arrays named after the net's inputs (and `labels`, or "
        "after its outputs what these should be), an .npy, images or folders of images, a train "
        "prototxt (what its data layer for TRAIN reads), an LMDB, HDF5 files. A part is kept "
        "aside.",
    ),
    labels_option,
    click.option(
        "--train-val",
        type=FILE,
        help="The prototxt that the net is trained by, whose losses are used: for a compressed net "
        "the one that compress wrote beside it.",
    ),
    click.option(
        "--solver",
        type=FILE,
        help="The solver that it was trained by: its type, momentum and decay stay, its rate is a "
        "tenth.",
    ),
    click.option(
        "--steps",
        type=COUNT,
        metavar="N",
        help="Iterations of the solver. [default: 20 times through the inputs, with `--zoom` twice "
        "through all views]",
    ),
    click.option(
        "--batch",
        type=COUNT,
        metavar="N",
        help="Inputs of a step. [default: of the train prototxt, else 64, or 16 of pictures larger "
        "than 100 pixels]",
    ),
    click.option(
        "--lr",
        type=ABOVE_ZERO,
        metavar="RATE",
        help="Learning rate at the start; it falls to a tenth after 0.8 and after 0.93 of the "
        "steps. [default: a tenth of the solver's, or found by a short trial]",
    ),
    click.option(
        "--only-new",
        is_flag=True,
        help="Train the rewritten layers alone: those that the record beside the pair names, or "
        "that the teacher does not have so.",
    ),
    click.option(
        "--freeze",
        multiple=True,
        metavar="LAYER",
        help="Leave a layer as it is: a name, a glob or a type. Repeatable.",
    ),
    click.option(
        "--batchnorm",
        type=click.Choice(CHOICES["batchnorm"]),
        default="frozen",
        show_default=True,
        help="What becomes of the statistics of BatchNorm layers.",
    ),
    click.option(
        "--masks",
        type=click.Path(path_type=Path),
        metavar="FILE|zeros|none",
        help="Weights that stay zero: a file of masks, or those that are zero. [default: "
        "NAME.masks.npz beside the weights, if it is there]",
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
    click.option("--seed", type=SEED, default=0, show_default=True, help="Of all that is drawn."),
)

_teaching_options = section(
    TEACHING,
    click.option(
        "--teacher",
        nargs=2,
        type=FILE,
        metavar="PROTOTXT WEIGHTS",
        help="Teach the net what this one answers; no labels are needed.",
    ),
    click.option(
        "--temperature",
        type=ABOVE_ZERO,
        metavar="T",
        help="Of the classes that the teacher answers. [default: 2]",
    ),
    click.option(
        "--hints",
        multiple=True,
        metavar="BLOB",
        help="Also teach it a blob on the way that both nets have. Repeatable.",
    ),
)

_seeing_options = section(
    SEEING,
    click.option("--mirror", is_flag=True, help="Mirror half of the inputs."),
    click.option("--crop", type=COUNT, metavar="N", help="Cut out N x N pixels, anywhere."),
    click.option(
        "--shift",
        type=FROM_ZERO,
        default=0,
        metavar="N",
        help="Move inputs by up to N pixels, with zeros behind them.",
    ),
    click.option(
        "--zoom",
        type=SHARE_ABOVE_ZERO,
        metavar="SHARE",
        help="Show windows of all sizes, from this share of the largest that the picture holds on, "
        "resized to the net's input: 0.3 where there are few pictures. With `--images-dim` larger "
        "than that input, windows are sharp.",
    ),
    click.option(
        "--views",
        type=COUNT,
        metavar="N",
        help="Views of each input that the teacher answers. [default: 2048 in all; 32 of each at "
        "most, with `--zoom` 256]",
    ),
)

_stopping_options = section(
    STOPPING,
    click.option(
        "--hold-out",
        type=SHARE_ABOVE_ZERO,
        metavar="SHARE",
        help="Part of the inputs kept aside. [default: 30%, half to stop, half to report; of fewer "
        "than 40 inputs 25%, which do both]",
    ),
    click.option(
        "--validate",
        multiple=True,
        type=FILE,
        help="Inputs to report on, in place of some that are kept aside.",
    ),
    click.option(
        "--validate-every",
        type=COUNT,
        metavar="N",
        help="Steps from one look at the inputs kept aside to the next; each saves a state. "
        "[default: a twentieth of all, 20 at least]",
    ),
    click.option(
        "--patience",
        type=FROM_ZERO,
        default=6,
        show_default=True,
        metavar="N",
        help="Stop after so many such looks without a gain; 0: never.",
    ),
)

training_options = options(
    _learning_options,
    _teaching_options,
    _seeing_options,
    _stopping_options,
    preprocessing_options,
    engine_options,
)


def report_limits(against: str = "") -> Decorator:
    """Return the options of limits that what is reported on must keep to.

    Args:
        against: What an error is against, where that is not plain: ``", against the net before"``.
    """
    return section(
        JUDGING,
        click.option(
            "--max-error",
            type=RATIO,
            metavar="ERROR",
            help=f"Largest relative error of an output that passes{against}, on the inputs it "
            "reports on: 0.05 or 5%.",
        ),
        click.option(
            "--min-agreement",
            type=SHARE,
            metavar="SHARE",
            help="Smallest share of these inputs that keep their top-1 class (or detections); with "
            "labels, one minus the accuracy that may be lost.",
        ),
    )


training_output_options = options(
    shapes_option,
    section(
        OUTPUT,
        click.option(
            "-o",
            "--output",
            type=FOLDER,
            help="Folder for the new pair and its record. While it runs, its states are there: "
            "the same command goes on after a kill.",
        ),
        click.option("--plot", type=PLOT, help="Draw how losses fell, as SVG or PNG."),
        force_option,
    ),
    json_option,
    timings_option,
)


def training_arguments(given: TrainingFlags) -> TrainingArguments:
    """Return what the training options say, as arguments of the library."""
    return {
        "calibrate": given["calibrate"] or None,
        "labels": given["labels"],
        "train_val": given["train_val"],
        "solver": given["solver"],
        "steps": given["steps"],
        "batch": given["batch"],
        "lr": given["lr"],
        "only_new": given["only_new"],
        "freeze": given["freeze"],
        "batchnorm": given["batchnorm"],
        "masks": given["masks"],
        "teacher": given["teacher"] or None,
        "temperature": given["temperature"],
        "hints": given["hints"],
        "mirror": given["mirror"],
        "crop": given["crop"],
        "shift": given["shift"],
        "zoom": given["zoom"],
        "views": given["views"],
        "hold_out": given["hold_out"],
        "validate": given["validate"] or None,
        "validate_every": given["validate_every"],
        "patience": given["patience"],
        "task_output": given["task_output"],
        "output_kinds": given["output_kinds"],
        "seed": given["seed"],
        "force": given["force"],
        "max_error": given["max_error"],
        "min_agreement": given["min_agreement"],
        "engine": engine_given(given),
        "preprocessing": read_preprocessing(given),
    }


def checked_output(given: TrainingOutputFlags) -> Path:
    """Return the folder of the new pair, once it is given, and plots can be drawn if wanted.

    Raises:
        UsageError: It is not given.
        NetsurgeryError: A plot is wanted, and matplotlib is not installed.
    """
    from netsurgery.report import require_plots

    if given["output"] is None:
        raise click.UsageError("say where the new pair goes: -o OUT")
    if given["plot"]:
        require_plots()
    return given["output"]
