"""The options with which a user says what to compress, and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple, TypedDict

import click

from netsurgery.cli._options import FOLDER, section
from netsurgery.errors import RequestError
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from netsurgery.planning import LayerRule


class _HowArguments(TypedDict):
    """What a command and its function call and type alike."""

    keep: Tuple[str, ...]
    fold_batchnorm: bool
    allow_growth: bool
    method: Optional[str]
    fit: Optional[str]
    split: str
    suffixes: Tuple[str, ...]
    templates: Optional[Path]


class RuleFlags(_HowArguments):
    """The values of `rule_options` and `how_options`."""

    rank: Tuple[str, ...]
    energy: Tuple[str, ...]
    error: Tuple[str, ...]


class RuleArguments(_HowArguments):
    """Arguments of the library that `rule_options` and `how_options` stand for."""

    rank: Tuple[LayerRule, ...]
    energy: Tuple[LayerRule, ...]
    error: Tuple[LayerRule, ...]


def read_suffixes(ctx: click.Context, parameter: click.Parameter, text: str) -> Tuple[str, ...]:
    """Read ``_L,_U``, as click asks of a callback."""
    from netsurgery.jobs import checked_suffixes

    try:
        return checked_suffixes(text.split(","))
    except RequestError as error:
        raise click.BadParameter(error.problem) from None


rule_options = section(
    "What to compress, by rules",
    click.option(
        "--rank",
        multiple=True,
        metavar="LAYER=RANK",
        help="Rank of a layer, or a share of its full rank (fc6=1024, 'fc*=25%'), or evbmf: "
        "what stands out of noise. LAYER is a name, a glob or a layer type. Repeatable.",
    ),
    click.option(
        "--energy",
        multiple=True,
        metavar="[LAYER=]SHARE",
        help="Smallest rank that keeps this share of the sum of squared singular values: 0.9 "
        "or 90%.",
    ),
    click.option(
        "--error",
        multiple=True,
        metavar="[LAYER=]ERROR",
        help="Smallest rank whose weights are within this relative error: 0.05 or 5%.",
    ),
    click.option("--keep", multiple=True, metavar="LAYER", help="Leave these layers alone."),
    click.option(
        "--fold-batchnorm",
        is_flag=True,
        help="First fold every BatchNorm, Scale and Bias, exactly, into the layer beside it.",
    ),
    click.option("--allow-growth", is_flag=True, help="Take ranks that make a layer bigger."),
)

how_options = section(
    "How to compress",
    click.option(
        "--method",
        metavar="NAME",
        help="How to factor: svd or trifactor_pair for InnerProduct layers, shared_factor for two "
        "that follow each other; for Convolution layers channel_svd, input_svd, spatial_svd, or in "
        "three layers tucker, spatial_channel_svd, trifactor; kernel_ridge for both, whose first "
        "layer is predicted and knows no weights. Also "
        "cp (Convolution) and tensor_train (InnerProduct): small files, but slow for their MACs, "
        "as Caffe works through groups and batches one after the other. [default: svd for "
        "InnerProduct layers; for Convolution layers that a rule names, or all where no "
        "InnerProduct layer gains, the cheapest of channel_svd, spatial_svd and input_svd]",
    ),
    click.option(
        "--fit",
        type=click.Choice(CHOICES["fit"]),
        help="For what svd and channel_svd are best. none: the weights; with --calibrate, "
        "data: what the layer makes (kernel_ridge: what it reads tells which weights are alike); "
        "asymmetric: what it made in the original, of what it "
        "reads now; relu: what a ReLU behind it leaves of that. [default: none]",
    ),
    click.option(
        "--split",
        type=click.Choice(CHOICES["split"]),
        help="Where the singular values go: into the first layer of a pair, as in Fast R-CNN's "
        "compress_net.py, or half and half, which is better for fine-tuning. [default: first; "
        "sqrt where the text or the solver it is trained by is given]",
    ),
    click.option(
        "--naming",
        "suffixes",
        callback=read_suffixes,
        default="_L,_U",
        show_default=True,
        metavar="FIRST,SECOND",
        help="Suffixes of the names of a pair; three, by default _L,_M,_U, where there are "
        "three layers; four, by default _L,_V,_H,_U, of cp.",
    ),
    click.option(
        "--templates",
        type=FOLDER,
        help="Folder with templates of your own for the new layers (see prototxt_templates/).",
    ),
)


def read_rules(kind: str, texts: Tuple[str, ...]) -> Tuple[LayerRule, ...]:
    """Read ``LAYER=AMOUNT``, more than once.

    Raises:
        PlanError: One is not of that form.
    """
    from netsurgery.planning import parse_rule

    return tuple(parse_rule(kind, text) for text in texts)


def rule_arguments(given: RuleFlags) -> RuleArguments:
    """Return what the rule options say, as arguments of the library.

    Raises:
        PlanError: A rule is not well formed.
    """
    return {
        "rank": read_rules("rank", given["rank"]),
        "energy": read_rules("energy", given["energy"]),
        "error": read_rules("error", given["error"]),
        "keep": given["keep"],
        "fold_batchnorm": given["fold_batchnorm"],
        "allow_growth": given["allow_growth"],
        "method": given["method"],
        "fit": given["fit"],
        "split": given["split"],
        "suffixes": given["suffixes"],
        "templates": given["templates"],
    }
