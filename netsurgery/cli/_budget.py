"""The options with which a user says what a smaller net may cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple, TypedDict

import click

from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import Decorator, options, section
from netsurgery.cli._shares import SHARE, SHARE_ABOVE_ZERO

if TYPE_CHECKING:
    from netsurgery.costs import Budget


class CostFlags(TypedDict):
    """The values of `cost_options`."""

    macs: Optional[float]
    params: Optional[float]
    bytes: Optional[str]
    latency: Optional[float]
    max_loss: Optional[float]
    quick: bool


class SearchFlags(CostFlags):
    """The values of `budget_options`."""

    methods: Optional[str]
    score: Optional[str]
    metric: Optional[str]
    rois: Optional[int]
    multiple: int
    time_limit: float
    no_refit: bool


class SearchArguments(TypedDict):
    """Arguments of the library that `budget_options` stand for."""

    budget: Optional[Budget]
    max_loss: Optional[float]
    quick: bool
    time_limit: float
    methods: Tuple[str, ...]
    score: Optional[str]
    metric: Optional[str]
    rois: Optional[int]
    multiple: int
    refit: bool


_COSTS = (
    click.option(
        "--macs",
        type=SHARE_ABOVE_ZERO,
        metavar="SHARE",
        help="Share of the MACs that may be left: 0.5 or 50%.",
    ),
    click.option(
        "--params",
        type=SHARE_ABOVE_ZERO,
        metavar="SHARE",
        help="Share of the parameters that may be left.",
    ),
    click.option(
        "--bytes", metavar="SIZE", help="Size of the weights file: 20MB, 600kB, or a share."
    ),
    click.option(
        "--latency",
        type=SHARE_ABOVE_ZERO,
        metavar="SHARE",
        help="Share of the time that may be left, as measured layer by layer on the engine.",
    ),
    click.option(
        "--max-loss",
        type=SHARE,
        metavar="SHARE",
        help="What may be lost: the smallest net that loses no more is looked for. 0.01 is a point "
        "of accuracy where there are labels, else a hundredth of agreement, of matched detections "
        "and the like, measured on --inputs, or on --calibrate. A budget beside it is a cap: its "
        "cost is made smaller, MACs where there is none.",
    ),
    click.option(
        "--quick",
        is_flag=True,
        help="With --calibrate: a plan in a fraction of the time, without trials of what losses "
        "do to the outputs, and not carried out to measure it. It says what was not tried.",
    ),
)


def cost_options(title: str) -> Decorator:
    """Return the options that say what may be left of a net.

    Args:
        title: Of the section of help that they stand in.
    """
    return section(title, *_COSTS)


_METHODS = section(
    "What to compress, by a budget",
    click.option(
        "--methods",
        metavar="A,B,C",
        help="What to choose among within the budget; also thin (channels go first) and "
        "fold_batchnorm, trifactor, trifactor_pair, kernel_ridge, and cp and tensor_train, which "
        "Caffe runs slowly for their MACs: with --latency they are timed like all others. "
        "[default: every other low-rank method]",
    ),
    click.option(
        "--score",
        metavar="NAME",
        help="What a form's loss is: energy (of the weights), output (of what layers make of "
        "--calibrate), effect (the same, by how much of it arrives at the net's outputs, which is "
        "tried once for each layer; default with --calibrate) or metric.",
    ),
    click.option(
        "--metric",
        metavar="WHAT",
        help="For --score metric: module:function, called with the paths of prototxt and weights, "
        "or a shell command with {prototxt} and {weights} that prints a number; higher is better. "
        "[default: accuracy on the labels of --calibrate]",
    ),
    click.option("--rois", type=COUNT, metavar="N", help="Count MACs with N regions of interest."),
    click.option(
        "--round", "multiple", type=COUNT, default=1, help="Ranks are multiples of this number."
    ),
    click.option(
        "--time-limit",
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="About how long to look for the best choice of forms; the plan says how far from the "
        "best it is at most. Work is counted, so that the plan is the same on every machine.",
    ),
    click.option(
        "--no-refit",
        is_flag=True,
        help="Do not fit layers behind the first change to --calibrate.",
    ),
)

budget_options = options(cost_options("What to compress, by a budget"), _METHODS)


def read_budget(given: CostFlags) -> Optional[Budget]:
    """Return what may be left, as `cost_options` say; None where they say nothing.

    Raises:
        PlanError: A size is none.
    """
    from netsurgery.costs import Budget, parse_bytes

    size = None if given["bytes"] is None else parse_bytes(given["bytes"])
    macs, params, latency = given["macs"], given["params"], given["latency"]
    if all(value is None for value in (macs, params, size, latency)):
        return None
    return Budget(macs, params, size, latency)


def search_arguments(given: SearchFlags) -> SearchArguments:
    """Return what the options say of how to keep to a budget, as arguments of the library.

    Raises:
        PlanError: A size is none.
    """
    names = given["methods"]
    return {
        "budget": read_budget(given),
        "max_loss": given["max_loss"],
        "quick": given["quick"],
        "time_limit": given["time_limit"],
        "methods": tuple(name.strip() for name in names.split(",")) if names else (),
        "score": given["score"],
        "metric": given["metric"],
        "rois": given["rois"],
        "multiple": given["multiple"],
        "refit": not given["no_refit"],
    }
