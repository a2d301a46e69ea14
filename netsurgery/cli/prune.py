"""``netsurgery prune``: make weights of a net zero, and keep the masks that say which."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

import click

from netsurgery.cli._command import Command, flags_of_command
from netsurgery.cli._numbers import COUNT, FROM_ZERO
from netsurgery.cli._options import (
    options,
    prototxt_argument,
    recipe_option,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import ready
from netsurgery.cli._progress import progress
from netsurgery.cli._shares import SHARE, SHARE_ABOVE_ZERO
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
from netsurgery.jobs import CHOICES

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(TrainingFlags, TrainingOutputFlags):
    saliency: Optional[str]
    sparsity: Optional[float]
    pattern: str
    scope: Optional[str]
    layers: Tuple[str, ...]
    keep: Tuple[str, ...]
    schedule: Optional[str]
    rounds: Optional[int]
    factor_rank: Optional[float]
    no_tune: bool
    macs: Optional[float]
    remove: Optional[int]
    images: Optional[int]
    flops_regularization: float
    recipe: Optional[str]


_pruning_options = section(
    "Which weights go",
    recipe_option("collins2014", "guo2016", "han2015", "molchanov2017", "zhu2017"),
    click.option(
        "--method",
        "saliency",
        metavar="NAME",
        help="What says how much a weight matters: magnitude (the default), lamp, obd, obs, "
        "taylor, trifactor, random and others; a wrong one lists them. With --macs, a criterion of "
        "channels: taylor (the default), l1 and others.",
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
        help="Whether the least weights of the whole net go, or those of each layer. "
        "[default: net]",
    ),
    click.option(
        "--layers",
        multiple=True,
        metavar="LAYER",
        help="Only these layers: a name, a glob or a type. Repeatable.",
    ),
    click.option("--keep", multiple=True, metavar="LAYER", help="Not these. Repeatable."),
    click.option(
        "--schedule",
        type=click.Choice(CHOICES["schedule"]),
        help="When they go: once; in rounds, with a tuning after each; more and more while the net "
        "is tuned (cubic); the same, and what turns out to matter comes back (dynamic); all of "
        "them again and again, and all may grow in between (projected). [default: cubic with "
        "--calibrate, or rounds for methods that look at what the net computes; once without]",
    ),
    click.option("--rounds", type=COUNT, metavar="N", help="Of --schedule rounds. [default: 3]"),
    click.option(
        "--rank",
        "factor_rank",
        type=SHARE_ABOVE_ZERO,
        metavar="SHARE",
        help="Of methods that factor the weights: the share of a layer's units that is their rank.",
    ),
    click.option(
        "--no-tune",
        is_flag=True,
        help="Prune alone; --calibrate then only tells methods what the net computes.",
    ),
)

_channel_options = section(
    "Which channels go",
    click.option(
        "--macs",
        type=SHARE_ABOVE_ZERO,
        metavar="SHARE",
        help="Take channels out, some at a time with a tuning after each, until this share of the "
        "net's multiply-accumulates is left.",
    ),
    click.option(
        "--remove", type=COUNT, metavar="N", help="Channels that go in a round. [default: 16]"
    ),
    click.option(
        "--images",
        type=COUNT,
        metavar="N",
        help="Inputs of --calibrate that rank the channels of a round. [default: 256]",
    ),
    click.option(
        "--flops-regularization",
        type=FROM_ZERO,
        default=0.0,
        metavar="LAMBDA",
        help="Channels count for so much less for each million operations that go with them "
        "(Molchanov et al. 2017, with 0.001). [default: 0]",
    ),
)


@click.command("prune", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    _pruning_options,
    _channel_options,
    training_options,
    report_limits(", against the net before"),
    training_output_options,
)
@click.pass_context
def command(ctx: click.Context, prototxt: Path, weights: Path, **given: Unpack[_Flags]) -> None:
    """Make weights of a net zero, and keep masks that say which, beside the new pair.

    \b
    netsurgery prune deploy.prototxt net.caffemodel --sparsity 0.9 -o out/
    netsurgery prune deploy.prototxt net.caffemodel --sparsity 95% --calibrate data.npz -o out/
    netsurgery prune deploy.prototxt net.caffemodel --macs 0.4 --calibrate data.npz -o out/

    With --calibrate, the weights that stay are tuned: on labels, by a --teacher, or where there is
    neither by what the net answers before it is pruned. With --macs, channels go, and the net is
    physically thinner after each round. A run that was killed goes on when the same
    command is given again.

    The files keep their size: zeros are stored as numbers. `netsurgery thin --from-zeros` cuts out
    channels of which all weights are zero.

    Exit status: 0 the pair is written; 1 a limit of yours is not kept, or a file is not what was
    meant; 2 could not run.
    """
    import netsurgery as ns
    from netsurgery.report import plot_rounds, plot_training, print_pruned

    output, plot = checked_output(given), given["plot"]
    flag = flags_of_command()
    request = ns.PruneRequest(
        **training_arguments(given),
        sparsity=given["sparsity"],
        saliency=given["saliency"],
        pattern=given["pattern"],
        scope=given["scope"],
        layers=given["layers"],
        keep=given["keep"],
        schedule=given["schedule"],
        rounds=given["rounds"],
        factor_rank=given["factor_rank"],
        tune=not given["no_tune"],
        macs=given["macs"],
        remove=given["remove"],
        images=given["images"],
        flops_regularization=given["flops_regularization"],
        recipe=given["recipe"],
    )
    model = ns.load(prototxt, weights, given["input_shapes"])
    with progress("pruning") as work:
        done = ns.prune(model, request, output, work, flag)
    if plot and len(done.rounds) > 1:
        plot_rounds(done.rounds, ready(plot))
    elif plot and done.tuned is not None:
        plot_training(done.tuned.trained.history, ready(plot))
    if given["as_json"]:
        print_timed_json(done.to_dict(flag), work, given["timings"])
    else:
        print_pruned(done, flag)
        tell_timings(work, given["timings"])
    ctx.exit(0 if done else 1)
