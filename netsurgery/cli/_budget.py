"""The options with which a user says what a smaller net may cost."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional

import click

from netsurgery.cli._numbers import COUNT
from netsurgery.cli._options import options, section
from netsurgery.cli._rules import edit_options
from netsurgery.cli._shares import SHARE_ABOVE_ZERO

BUDGETS = (
    *("macs", "params", "bytes", "latency", "methods", "score", "metric", "rois", "multiple"),
    "no_refit",
)

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
)


def cost_options(title: str) -> Callable[..., Any]:
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
        "fold_batchnorm, and cp and tensor_train, which Caffe runs slowly for their MACs: with "
        "--latency they are timed like all others. [default: every other low-rank method]",
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
        "--no-refit",
        is_flag=True,
        help="Do not fit layers behind the first change to --calibrate.",
    ),
)

budget_options = options(cost_options("What to compress, by a budget"), _METHODS)


def read_costs(given: Mapping[str, Any]) -> dict[str, Optional[float]]:
    """Return what may be left, by currency, as `cost_options` say.

    Raises:
        PlanError: A size is none.
    """
    from netsurgery.costs import parse_bytes

    size = None if given["bytes"] is None else parse_bytes(given["bytes"])
    return {**{name: given[name] for name in ("macs", "params", "latency")}, "bytes": size}


def read_budget(
    given: dict[str, Any],
    rules: dict[str, Any],
    sweep: Optional[tuple[str, tuple[float, ...]]] = None,
    **others: Any,
) -> Optional[Any]:
    """Return what the options say as the planner's ``BudgetRequest``, or None without a budget.

    Args:
        given: The values of `budget_options`.
        rules: The values of the rule options.
        sweep: A currency, and the shares of it to plan for.
        others: More fields of the request, such as ``seed``.

    Raises:
        PlanError: A budget, method or score is none.
        click.UsageError: A sweep and a budget are of the same currency.
    """
    from netsurgery.budgets import DEFAULT_METHODS, FOLD, Budget, BudgetRequest

    costs = read_costs(given)
    if sweep is not None:
        if costs[sweep[0]] is not None:
            raise click.UsageError(
                f"--sweep already gives a budget of {sweep[0]}; give one of both"
            )
        costs[sweep[0]] = sweep[1][-1]
    if all(value is None for value in costs.values()):
        return None
    names = given["methods"]
    methods = tuple(name.strip() for name in names.split(",")) if names else DEFAULT_METHODS
    return BudgetRequest(
        Budget(**costs),
        (*methods, FOLD) if rules["fold_batchnorm"] else methods,
        given["score"],
        given["metric"],
        rules["keep"],
        given["rois"],
        given["multiple"],
        not given["no_refit"],
        edit_options(rules["split"], rules["suffixes"], rules["templates"]),
        **others,
    )
