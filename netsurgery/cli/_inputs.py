"""The options that say what a model is run on, and in which engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Dict, Optional, Sequence, Tuple, TypedDict

import click

from netsurgery.cli._numbers import COUNT, FINITE, SEED, numbers
from netsurgery.cli._options import (
    CALIBRATION,
    ENGINE,
    FILE,
    JUDGING,
    PREPROCESSING_OF_IMAGES,
    section,
)
from netsurgery.cli._shares import RATIO, SHARE

if TYPE_CHECKING:
    from netsurgery.calibration import Preprocessing
    from netsurgery.engine import Engine


class EngineFlags(TypedDict):
    """The values of `engine_options`."""

    engine: Optional[str]
    caffe_python: Optional[Path]
    pythonpath: Optional[str]


class PreprocessingFlags(TypedDict):
    """The values of `preprocessing_options`."""

    preset: Optional[str]
    mean_file: Optional[Path]
    mean: Optional[Tuple[float, ...]]
    input_scale: Optional[float]
    raw_scale: Optional[float]
    channel_swap: Optional[Tuple[int, ...]]
    images_dim: Optional[Tuple[int, int]]


class InputFlags(PreprocessingFlags):
    """The values of `input_options`."""

    inputs: Tuple[Path, ...]
    labels: Optional[Path]
    count: int
    seed: int


class ToleranceFlags(TypedDict):
    """The values of `tolerance_options`."""

    output_kinds: Dict[str, str]
    accept_loss: bool
    max_error: Optional[float]
    min_agreement: Optional[float]
    task_output: Optional[str]


class CacheFlags(TypedDict):
    """The values of `cache_option`."""

    no_cache: bool


class FedArguments(TypedDict):
    """Arguments of the library that `input_options` stand for."""

    inputs: Optional[Tuple[Path, ...]]
    labels: Optional[Path]
    count: Optional[int]
    seed: int
    preprocessing: Optional[Preprocessing]


labels_option = click.option("--labels", type=FILE, help="Text file with the class of each input.")

# Spelt with dashes, and as Caffe's own scripts spell them.
preprocessing_options = section(
    PREPROCESSING_OF_IMAGES,
    click.option(
        "--preset",
        metavar="NAME|FILE",
        help="All of these at once: a known name, such as mtcnn (`netsurgery help presets` lists "
        "them), or a YAML file that says mean, input_scale, channel_swap and so on. Single flags "
        "beside it go before it.",
    ),
    click.option("--mean-file", "--mean_file", type=FILE, help="Mean: .npy or .binaryproto."),
    click.option("--mean", callback=numbers(float), metavar="B,G,R", help="Mean of each channel."),
    click.option("--input-scale", "--input_scale", type=FINITE, help="Factor after the mean."),
    click.option(
        "--raw-scale", "--raw_scale", type=FINITE, help="Factor before the mean. [default: 255]"
    ),
    click.option(
        "--channel-swap",
        "--channel_swap",
        callback=numbers(int, 0),
        metavar="2,1,0",
        help="New order of the channels of an RGB image. [default: 2,1,0]",
    ),
    click.option(
        "--images-dim",
        "--images_dim",
        callback=numbers(int, 1),
        metavar="H,W",
        help="Size to which an image is resized before its centre is cut out.",
    ),
)

input_options = section(
    JUDGING,
    click.option(
        "--inputs",
        "inputs",
        multiple=True,
        type=FILE,
        help="What to run on: an .npz with arrays named after the net's inputs (and `labels`), an "
        ".npy, images or folders of images, a train prototxt (what its data layer for TEST "
        "reads, its centre, not mirrored), an LMDB, or HDF5 files (.h5, or a .txt that lists "
        "them). If not given, random inputs, or 64 of --calibrate where there are some.",
    ),
    labels_option,
    click.option(
        "--random",
        "count",
        type=COUNT,
        default=8,
        show_default=True,
        help="How many random inputs; of a net of more than 4e9 MACs 2, if not given.",
    ),
    click.option(
        "--seed", type=SEED, default=0, show_default=True, help="Seed of the random inputs."
    ),
    preprocessing_options,
)


def read_kinds(
    ctx: click.Context, parameter: click.Parameter, texts: Sequence[str]
) -> dict[str, str]:
    """Read ``BLOB=KIND``, more than once, as click asks of a callback."""
    found: dict[str, str] = {}
    for text in texts:
        blob, equals, kind = text.rpartition("=")
        if not (blob and equals and kind):
            raise click.BadParameter(f"{text!r} is not BLOB=KIND")
        if found.setdefault(blob, kind) != kind:
            raise click.BadParameter(f"{blob!r} cannot be {found[blob]} and {kind}")
    return found


tolerance_options = section(
    JUDGING,
    click.option(
        "--output-kind",
        "output_kinds",
        multiple=True,
        callback=read_kinds,
        metavar="BLOB=KIND",
        help="What an output is, where the net does not tell: classes, segmentation, "
        "probabilities, detections, embeddings, picture, map or numbers. Repeatable.",
    ),
    click.option(
        "--accept-loss",
        is_flag=True,
        help="Exit 0 even if an output is lost by the limits below; it is said all the same.",
    ),
    click.option(
        "--max-error",
        type=RATIO,
        metavar="ERROR",
        help="Largest relative error of an output that passes: 0.05 or 5%. Stands in for the "
        "limits of errors and PSNR below.",
    ),
    click.option(
        "--min-agreement",
        type=SHARE,
        metavar="SHARE",
        help="Smallest share of inputs that keep their top-1 class (or detections); with labels, "
        "one minus the accuracy that may be lost. Stands in for the limits of agreement, accuracy "
        "and matched detections below.",
    ),
    click.option(
        "--task-output",
        metavar="BLOB",
        help="The output that labels are for, where several hold classes.",
    ),
)

engine_options = section(
    ENGINE,
    click.option("--engine", metavar="NAME", help="caffe or opencv; the first that is usable."),
    click.option("--caffe-python", type=FILE, help="A Python interpreter that has real pycaffe."),
    click.option(
        "--pythonpath", metavar="PATH", help="Where pycaffe finds a fork or Python layers."
    ),
)

cache_option = section(
    CALIBRATION,
    click.option(
        "--no-cache",
        is_flag=True,
        help="Learn anew, and keep nothing. What the inputs tell of a model is kept for the next "
        "run, at most 2 GB, in $NETSURGERY_CACHE, by default ~/.cache/netsurgery, on Windows "
        "%LOCALAPPDATA%\\netsurgery.",
    ),
)


def fed_arguments(given: InputFlags) -> FedArguments:
    """Return what the input options say, as arguments of the library."""
    source = click.get_current_context().get_parameter_source("count")
    random = source is click.core.ParameterSource.COMMANDLINE
    return {
        "inputs": given["inputs"] or None,
        "labels": given["labels"],
        "count": given["count"] if random else None,
        "seed": given["seed"],
        "preprocessing": read_preprocessing(given),
    }


def judged_arguments(given: ToleranceFlags) -> ToleranceFlags:
    """Return what the tolerance options say, under the same names."""
    return {
        "output_kinds": given["output_kinds"],
        "accept_loss": given["accept_loss"],
        "max_error": given["max_error"],
        "min_agreement": given["min_agreement"],
        "task_output": given["task_output"],
    }


def read_preprocessing(given: PreprocessingFlags) -> Optional[Preprocessing]:
    """Return how images are prepared, or None where no option says so.

    Raises:
        NetsurgeryError: There is no such preset, or options contradict each other.
    """
    from netsurgery.calibration import prepared

    mean_file = given["mean_file"]
    return prepared(
        given["preset"],
        images_dim=given["images_dim"],
        channel_swap=given["channel_swap"],
        raw_scale=given["raw_scale"],
        mean=given["mean"],
        mean_file=None if mean_file is None else str(mean_file),
        input_scale=given["input_scale"],
    )


def engine_given(given: EngineFlags) -> Optional[Engine]:
    """Return the engine that the options ask for, or None.

    Raises:
        EngineError: There is none of that name, or none that takes what is given.
    """
    from netsurgery.engine import requested_engine

    folders = given["pythonpath"].split(os.pathsep) if given["pythonpath"] else None
    return requested_engine(given["engine"], python=given["caffe_python"], pythonpath=folders)


def cache_given(given: CacheFlags) -> Optional[Path]:
    """Return the folder for what calibration learns, or None to keep nothing."""
    from netsurgery.measurements import default_folder

    return None if given["no_cache"] else default_folder()
