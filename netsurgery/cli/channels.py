"""``netsurgery channels``: what must be cut together."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, json_option, options, print_json, prototxt_argument, say
from netsurgery.cli._shapes import Shapes, shapes_option


@click.command("channels", cls=Command)
@options(
    prototxt_argument,
    click.argument("layer", required=False),
    click.option("--weights", type=FILE, help="Tell the blobs of layers that differ in forks."),
    shapes_option,
    json_option,
)
def command(
    prototxt: Path,
    layer: Optional[str],
    weights: Optional[Path],
    input_shapes: Shapes,
    as_json: bool,
) -> None:
    """Show which channels must be cut together, and which layers lose what with them.

    A group is named after the first layer that makes its channels. With LAYER, only the groups
    whose channels that layer makes, or else passes on or reads.
    """
    import netsurgery as ns
    from netsurgery.report import describe_group

    found = ns.channels(ns.load(prototxt, weights, input_shapes), ns.ChannelsRequest(layer))
    if as_json:
        print_json(found.to_dict())
    else:
        say("\n\n".join(map(describe_group, found.groups)))
