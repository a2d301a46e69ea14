"""Options that contradict each other, or that do nothing without another one.

They are refused before anything is read, never resolved in silence. An option counts as given when
it stands on the command line, also with the value that it has by default. What is not here can be
given together; where that is not plain, the help says what it then means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

import click

from netsurgery.cli._options import spelling

BUDGET = ("macs", "params", "size", "latency", "sweep")
RULES = ("ranks", "energies", "errors")
FORMS = ("split", "naming", "templates")
PREPROCESSING = ("mean_file", "mean", "input_scale", "raw_scale", "channel_swap", "images_dim")
HOW_TO_CHOOSE = ("methods", "score", "metric", "rois", "no_refit")


@dataclass(frozen=True)
class Clash:
    """Options of which none of the first goes with any of the others.

    Attributes:
        some: Names of parameters; ``engine=opencv`` speaks of one value.
        others: The same.
        why: The reason, in a few words.
    """

    some: Tuple[str, ...]
    others: Tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Need:
    """Options that do nothing unless one of others is given.

    Attributes:
        some: Names of parameters.
        others: Names of parameters of which one has to be there.
    """

    some: Tuple[str, ...]
    others: Tuple[str, ...]


CLASHES: Dict[str, Tuple[Clash, ...]] = {
    # Of every command that has both.
    "": (
        Clash(("mean",), ("mean_file",), "both say which mean goes off"),
        Clash(("engine=opencv",), ("caffe_python", "pythonpath"), "these are for real Caffe"),
        Clash(("count",), ("inputs",), "random inputs are for where there are no others"),
        Clash(
            ("no_verify",),
            (
                *("inputs", "labels", "count", "max_error", "min_agreement"),
                *("accept_loss", "output_kinds"),
            ),
            "nothing is run then",
        ),
        Clash(("dry_run",), ("as_json", "html"), "it prints the change to the prototxt alone"),
        Clash(BUDGET, RULES, "give a budget or rules, not both"),
        Clash(BUDGET, ("fit",), "--fit is for rules; a budget chooses how layers are fitted"),
        Clash(BUDGET, ("method",), "a budget chooses among --methods"),
        Clash(BUDGET, ("allow_growth",), "a budget never makes a layer bigger"),
        Clash(("method",), ("methods",), "the one is for rules, the other for a budget"),
        Clash(
            ("plan_file",),
            (*RULES, "keep", "fold_batchnorm", "allow_growth", "method", "fit", *FORMS),
            "give a plan or rules, not both",
        ),
        Clash(
            ("plan_file",),
            (*BUDGET, *HOW_TO_CHOOSE, "multiple"),
            "give a plan or a budget, not both",
        ),
    ),
    "thin": (
        Clash(
            ("from_zeros",),
            (*BUDGET[:4], "keep", "width"),
            "say how thin, or --from-zeros: it cuts what is dead, and nothing else",
        ),
        Clash(
            ("from_zeros",),
            ("criterion", "compensate", "no_compensate", "multiple", "calibrate"),
            "it cuts what is dead, and nothing else",
        ),
        Clash(("no_compensate",), ("compensate",), "it is --compensate none"),
    ),
    "verify": (
        Clash(
            ("golden",),
            ("inputs", "labels", "count", "seed", "blobs", *PREPROCESSING),
            "the golden file says what is run and compared",
        ),
        Clash(
            ("save_golden",),
            (
                *("golden", "expect", "max_error", "min_agreement", "task_output", "blobs"),
                *("as_json", "accept_loss"),
            ),
            "nothing is compared then",
        ),
        Clash(
            ("expect=exact",),
            ("max_error", "min_agreement", "accept_loss"),
            "what is exact is held to float noise",
        ),
    ),
}

NEEDS: Dict[str, Tuple[Need, ...]] = {
    "": (
        Need(HOW_TO_CHOOSE, BUDGET),
        Need(("allow_growth", "method", "fit"), RULES),
        Need(FORMS, (*RULES, *BUDGET)),
        Need(("plot", "measured"), ("sweep",)),
        Need(("samples",), ("calibrate",)),
    ),
    "compress": (Need(("multiple",), BUDGET),),
    "plan": (Need(("multiple",), BUDGET),),
}


def refuse_clashes(ctx: click.Context) -> None:
    """See that the options of a command go together.

    Raises:
        click.UsageError: Two of them contradict each other, or one does nothing.
    """
    name = ctx.command.name or ""
    for clash in (*CLASHES[""], *CLASHES.get(name, ())):
        one, other = (_first_given(ctx, names) for names in (clash.some, clash.others))
        if one and other:
            raise click.UsageError(f"{one} and {other} contradict each other: {clash.why}", ctx)
    for need in (*NEEDS[""], *NEEDS.get(name, ())):
        one = _first_given(ctx, need.some)
        there = [spelling(param) for param in ctx.command.params if param.name in need.others]
        if one and there and not _first_given(ctx, need.others):
            raise click.UsageError(
                f"{one} needs {', '.join(there[:-1])}{' or ' if there[1:] else ''}{there[-1]}", ctx
            )


def _first_given(ctx: click.Context, names: Tuple[str, ...]) -> Optional[str]:
    """Return the first of some options that the user gave, as it is spelt; None if none was."""
    by_name = {param.name: param for param in ctx.command.params}
    for name, _, value in (one.partition("=") for one in names):
        if name not in by_name:
            continue
        source = ctx.get_parameter_source(name)
        given = source not in (None, click.core.ParameterSource.DEFAULT)
        if given and (not value or ctx.params[name] == value):
            return f"{spelling(by_name[name])} {value}".rstrip()
    return None
