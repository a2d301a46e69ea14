"""Options that contradict each other, or that do nothing without another one.

What the library says of its arguments holds for the options of the same names; here stands what
only the command line has. An option counts as given when it stands on the command line, also with
the value that it has by default.
"""

from __future__ import annotations

from typing import Dict, Tuple

import click

from netsurgery import jobs
from netsurgery.cli._options import arguments_of
from netsurgery.jobs import Conflict, Requirement

CLASHES: Dict[str, Tuple[Conflict, ...]] = {
    **jobs.CLASHES,
    # Of every command that has both.
    "": (
        *jobs.CLASHES[""],
        Conflict(("engine=opencv",), ("caffe_python", "pythonpath"), "these are for real Caffe"),
        Conflict(
            ("dry_run",),
            ("as_json", "html", "train_val", "solver"),
            "it prints the change to the prototxt alone",
        ),
    ),
    "thin": (
        *jobs.CLASHES["thin"],
        Conflict(("from_zeros",), ("no_compensate",), "it cuts what is dead, and nothing else"),
        Conflict(("no_compensate",), ("compensate",), "it is --compensate none"),
    ),
    "verify": (
        *jobs.CLASHES["verify"],
        Conflict(
            ("save_golden",),
            (
                *("golden", "expect", "max_error", "min_agreement", "task_output", "blobs"),
                *("as_json", "accept_loss"),
            ),
            "nothing is compared then",
        ),
    ),
}

NEEDS: Dict[str, Tuple[Requirement, ...]] = {
    **jobs.NEEDS,
    "": (*jobs.NEEDS[""], Requirement(("plot",), ("sweep",))),
    "prune": (*jobs.NEEDS["prune"], Requirement(("plot",), ("calibrate",))),
}


def refuse_clashes(ctx: click.Context) -> None:
    """See that the options of a command go together.

    Raises:
        RequestError: Two of them contradict each other, or one does nothing.
    """
    name = ctx.command.name or ""
    known = arguments_of(ctx.command)
    given = {
        argument: ctx.params[param.name]
        for argument, param in known.items()
        if param.name and _is_given(ctx, param.name)
    }
    jobs.refuse_together(
        given,
        known,
        (*CLASHES[""], *(CLASHES.get(name, ()))),
        (*NEEDS[""], *(NEEDS.get(name, ()))),
    )


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) not in (None, click.core.ParameterSource.DEFAULT)
