"""``netsurgery rank``: which channels matter, by criteria and by trying it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

import click

from netsurgery.cli._cache import growth_told
from netsurgery.cli._command import Command
from netsurgery.cli._inputs import (
    CacheFlags,
    EngineFlags,
    PreprocessingFlags,
    cache_given,
    cache_option,
    engine_given,
    engine_options,
    labels_option,
    preprocessing_options,
    read_preprocessing,
)
from netsurgery.cli._numbers import FROM_ZERO, SEED
from netsurgery.cli._options import (
    FILE,
    OUTPUT,
    json_option,
    options,
    prototxt_argument,
    section,
    weights_argument,
)
from netsurgery.cli._outputs import PAGE, RANKING, ready
from netsurgery.cli._progress import progress
from netsurgery.cli._shapes import Shapes, shapes_option
from netsurgery.cli._timings import print_timed_json, tell_timings, timings_option

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Flags(PreprocessingFlags, EngineFlags, CacheFlags):
    input_shapes: Shapes
    inputs: Tuple[Path, ...]
    labels: Optional[Path]
    task_output: Optional[str]
    seed: int


@click.command("rank", cls=Command)
@options(
    prototxt_argument,
    weights_argument,
    shapes_option,
    section(
        "What to rank by",
        click.option(
            "--criteria",
            default="l1",
            show_default=True,
            metavar="A,B,C",
            help="What to rank by: taylor, taylor2019, l1, l2, activation, activation-std, zeros, "
            "random and the other criteria.",
        ),
        click.option(
            "--oracle",
            is_flag=True,
            help="Remove each channel alone, see what becomes of the loss, and hold the criteria "
            "against that. Needs real Caffe.",
        ),
        click.option(
            "--flops",
            type=FROM_ZERO,
            default=0.0,
            metavar="LAMBDA",
            help="In the order over all layers, what one percent of the net's MACs is worth: a "
            "channel that costs much goes sooner.",
        ),
    ),
    section(
        "What to run on",
        click.option(
            "--data",
            "--inputs",
            "inputs",
            multiple=True,
            type=FILE,
            help="What to run on: an .npz with arrays named after the net's inputs (and `labels`), "
            "an .npy, images or folders of images, a train prototxt (what its data layer for TRAIN "
            "reads), an LMDB, HDF5 files. Criteria that look at weights alone need none.",
        ),
        labels_option,
        click.option(
            "--task-output",
            metavar="BLOB",
            help="The output that labels are for, where several hold classes.",
        ),
        click.option("--seed", type=SEED, default=0, show_default=True, help="For what is random."),
    ),
    cache_option,
    preprocessing_options,
    engine_options,
    section(
        OUTPUT,
        click.option(
            "-o",
            "--output",
            type=RANKING,
            help="A file for the whole ranking as JSON. With --oracle, what it measures is kept in "
            "OUTPUT.oracle, from which the next run goes on.",
        ),
        click.option("--html", type=PAGE, help="Also write the report as a page."),
    ),
    json_option,
    timings_option,
)
def command(
    prototxt: Path,
    weights: Path,
    criteria: str,
    oracle: bool,
    flops: float,
    output: Optional[Path],
    html: Optional[Path],
    as_json: bool,
    timings: bool,
    **given: Unpack[_Flags],
) -> None:
    """Rank the channels of a model by what they are worth.

    \b
    netsurgery rank deploy.prototxt net.caffemodel --criteria l1,somp
    netsurgery rank deploy.prototxt net.caffemodel --criteria taylor,l1 --data data.npz --oracle
    """
    import netsurgery as ns
    from netsurgery.report import print_ranking, require_pages, write_ranking_page

    if html:
        require_pages()
    request = ns.RankRequest(
        criteria=[name.strip() for name in criteria.split(",")],
        inputs=given["inputs"] or None,
        labels=given["labels"],
        preprocessing=read_preprocessing(given),
        oracle=oracle,
        flops=flops,
        task_output=given["task_output"],
        seed=given["seed"],
        engine=engine_given(given),
        cache=cache_given(given),
    )
    model = ns.load(prototxt, weights, given["input_shapes"])
    with growth_told(request.cache), progress("ranking") as work:
        found = ns.rank(model, request, output, work)
    if html:
        write_ranking_page(found, ready(html))
    if as_json:
        print_timed_json(found.to_dict(), work, timings)
    else:
        print_ranking(found)
        tell_timings(work, timings)
