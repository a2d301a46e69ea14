"""The options with which a user says what to compress, and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence

import click

from netsurgery.cli._options import FOLDER, section

RULES = (
    *("rank", "energy", "error", "keep", "allow_growth", "split", "suffixes", "templates"),
    *("fold_batchnorm", "method", "fit"),
)

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
        help="How to factor: svd for InnerProduct layers; for Convolution layers channel_svd, "
        "input_svd, spatial_svd, or in three layers tucker, spatial_channel_svd. Also cp "
        "(Convolution) and tensor_train (InnerProduct): small files, but slow for their MACs, "
        "as Caffe works through groups and batches one after the other. [default: svd for "
        "InnerProduct layers; for Convolution layers that a rule names, or all where no "
        "InnerProduct layer gains, the cheapest of channel_svd, spatial_svd and input_svd]",
    ),
    click.option(
        "--fit",
        type=click.Choice(["none", "data", "asymmetric", "relu"]),
        help="For what svd and channel_svd are best. none: the weights; with --calibrate, "
        "data: what the layer makes; asymmetric: what it made in the original, of what it "
        "reads now; relu: what a ReLU behind it leaves of that. [default: none]",
    ),
    click.option(
        "--split",
        type=click.Choice(["first", "sqrt"]),
        default="first",
        show_default=True,
        help="Where the singular values go: into the first layer of a pair, as in Fast R-CNN's "
        "compress_net.py, or half and half (better for fine-tuning).",
    ),
    click.option(
        "--naming",
        "suffixes",
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


def make_plan(model: Any, request: Any, fold: bool, keep: Sequence[str], progress: Any) -> Any:
    """Return the plan for what the rule options say.

    Args:
        model: The model.
        request: What `read_request` returned.
        fold: Whether to fold BatchNorm layers first.
        keep: Layers to leave alone.
        progress: Called with the name of each layer that is looked at.

    Raises:
        PlanError: A rule cannot be followed.
    """
    from netsurgery.planning import plan_folds, plan_low_rank
    from netsurgery.surgery import plan_after_folds

    if request is None:
        return plan_folds(model, keep)
    if not fold:
        return plan_low_rank(model, request, progress)
    return plan_after_folds(model, lambda folded: plan_low_rank(folded, request, progress), keep)


def read_request(
    *,
    rank: tuple[str, ...],
    energy: tuple[str, ...],
    error: tuple[str, ...],
    keep: tuple[str, ...],
    allow_growth: bool,
    split: str,
    suffixes: str,
    templates: Optional[Path],
    fold_batchnorm: bool,
    method: Optional[str],
    fit: Optional[str],
    predict: bool,
) -> Any:
    """Return what the rule options say as the planner's ``LowRankRequest``, or None to fold only.

    Raises:
        PlanError: A rule is not well formed.
        click.UsageError: No rule is given.
    """
    from netsurgery.planning import LowRankRequest, parse_rule

    given = {"rank": rank, "energy": energy, "error": error}
    rules = [parse_rule(kind, text) for kind, texts in given.items() for text in texts]
    if not rules and fold_batchnorm:
        return None
    if not rules:
        raise click.UsageError(
            "say what to compress: --rank LAYER=RANK, --energy SHARE, --error ERROR or "
            "--fold-batchnorm"
        )
    extra = edit_options(split, suffixes, templates)
    extra.update({"fit": fit} if fit else {})
    return LowRankRequest(rules, keep, method, allow_growth, extra, predict)


def edit_options(split: str, naming: str, templates: Optional[Path]) -> dict[str, Any]:
    """Return the options that every edit gets, without those that are as they are by default."""
    chosen = {
        "split": split if split != "first" else None,
        "suffixes": _suffixes(naming),
        "templates": str(templates) if templates else None,
    }
    return {name: value for name, value in chosen.items() if value is not None}


def _suffixes(naming: str) -> Optional[list[str]]:
    parts = naming.split(",")
    if len(parts) not in (2, 3, 4) or len(set(parts)) != len(parts) or not all(parts):
        raise click.BadParameter(
            f"{naming!r} is not two different suffixes, or three, or four", param_hint="'--naming'"
        )
    return None if parts == ["_L", "_U"] else parts
