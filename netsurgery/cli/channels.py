"""``netsurgery channels``: what must be cut together."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from netsurgery.cli._command import Command
from netsurgery.cli._options import FILE, json_option, options, print_json, prototxt_argument, say
from netsurgery.cli._shapes import Shapes, read_model, shapes_option


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
    from netsurgery.network import channel_groups, require_fit
    from netsurgery.report import describe_group, group_to_dict, groups_of_layer

    model = read_model(prototxt, weights, input_shapes)
    require_fit(model)
    groups = channel_groups(model)
    if layer is not None:
        groups = groups_of_layer(groups, layer)
    if as_json:
        print_json([group_to_dict(group) for group in groups])
    else:
        say("\n\n".join(map(describe_group, groups)))
