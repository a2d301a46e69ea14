"""``netsurgery finetune``: tune a net after surgery, by labels or by its original."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from netsurgery.cli._command import Command, flags_of_command
from netsurgery.cli._options import (
    options,
    prototxt_argument,
    recipe_option,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import ready
from netsurgery.cli._progress import progress
from netsurgery.cli._timings import print_timed_json, tell_timings
from netsurgery.cli._training import (
    TrainingFlags,
    TrainingOutputFlags,
    checked_output,
    report_limits,
    training_arguments,
    training_options,
    training_output_options,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(TrainingFlags, TrainingOutputFlags):
    recipe: Optional[str]


@click.command("finetune", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    section("Training", recipe_option("denil2013")),
    training_options,
    report_limits(),
    training_output_options,
)
@click.pass_context
def command(ctx: click.Context, prototxt: Path, weights: Path, **given: Unpack[_Flags]) -> None:
    """Tune a net after surgery, and tell what that gained on inputs it never saw.

    \b
    netsurgery finetune small.prototxt small.caffemodel --calibrate train.npz -o tuned/
    netsurgery finetune a.prototxt a.caffemodel --teacher b.prototxt b.caffemodel --calibrate c -o d

    A run that was killed goes on when the same command is given again.

    Exit status: 0 the pair is written, also where nothing was gained and it is what came in; 1 a
    limit of yours is not kept, or a file is not what was meant; 2 could not run.
    """
    import netsurgery as ns
    from netsurgery.report import plot_training, print_finetuned

    output, plot = checked_output(given), given["plot"]
    flag = flags_of_command()
    request = ns.FinetuneRequest(**training_arguments(given), recipe=given["recipe"])
    model = ns.load(prototxt, weights, given["input_shapes"])
    with progress("tuning") as work:
        done = ns.finetune(model, request, output, work, flag)
    if plot:
        plot_training(done.tuned.trained.history, ready(plot))
    if given["as_json"]:
        print_timed_json(done.to_dict(flag), work, given["timings"])
    else:
        print_finetuned(done, flag)
        tell_timings(work, given["timings"])
    ctx.exit(0 if done else 1)
