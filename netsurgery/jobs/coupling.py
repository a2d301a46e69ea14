"""Which channels of a model must be cut together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from netsurgery.errors import PlanError
from netsurgery.jobs.job_request import JobRequest
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.network import ChannelGroup, channel_groups, require_fit
from netsurgery.validation import validated


@dataclass(frozen=True)
class ChannelsRequest(JobRequest):
    """Which groups of channels to look at.

    Attributes:
        layer: Only the groups whose channels this layer or input makes, or else passes on or
            reads; all if None.
    """

    layer: Optional[str] = None


@dataclass(frozen=True)
class ChannelGroups:
    """Groups of channels, each named after the first layer that makes its channels.

    Attributes:
        groups: The groups.
    """

    groups: Tuple[ChannelGroup, ...]

    def to_dict(self) -> List[Dict[str, Any]]:
        """Return the groups as plain data, a dictionary each.

        ``channels`` of a cut has, for every entry along the axis, the channel that it goes with, or
        -1 for channels of other groups; a list of such lists where the groups of a convolution
        divide axis 0 of the blob into runs.
        """
        return [_group_to_dict(group) for group in self.groups]


@validated
def channels(model: ModelLike, request: Optional[ChannelsRequest] = None) -> ChannelGroups:
    """Find the channels that must be cut together, and the layers that lose what with them.

    Args:
        model: The network, or its files; weights tell the blobs of layers that differ in forks.
        request: Which groups to look at.

    Raises:
        FormatError: A file is not what it should be.
        NetworkError: Prototxt and weights do not belong together, or Caffe would refuse the net.
        PlanError: No group has to do with the layer asked for.
    """
    request = request or ChannelsRequest()
    model = open_model_like(model)
    require_fit(model)
    groups = channel_groups(model)
    if request.layer is not None:
        groups = _groups_of_layer(groups, request.layer)
    return ChannelGroups(tuple(groups))


def _groups_of_layer(groups: Sequence[ChannelGroup], layer: str) -> List[ChannelGroup]:
    """Return the groups whose channels a layer or input makes; else those that go through it."""
    made = [group for group in groups if layer in group.origins]
    touched = [group for group in groups if layer in _names(group)]
    if not made and not touched:
        known = dict.fromkeys(name for group in groups for name in group.origins)
        raise PlanError(
            "no channels are known to go through a layer of that name",
            layer=layer,
            remedy=f"layers that make some are {', '.join(known)}",
        )
    return made or touched


def _names(group: ChannelGroup) -> List[str]:
    layers = (*(cut.layer for cut in group.members), *group.through)
    return [layer.name for layer in layers]


def _group_to_dict(group: ChannelGroup) -> Dict[str, Any]:
    return {
        "name": group.name,
        "origins": group.origins,
        "channels": group.channels,
        "blocked": group.blocked,
        "pinned": {str(channel): reason for channel, reason in group.pinned.items()},
        "approximate": group.approximate,
        "balanced": [rows.tolist() for rows in group.balanced],
        "through": [layer.name for layer in group.through],
        "cuts": [
            {
                "layer": cut.layer.name,
                "type": cut.layer.type,
                "blob": cut.blob,
                "axis": cut.axis,
                "role": cut.role,
                "channels": cut.channels.tolist(),
            }
            for cut in group.members
        ],
        "values": [
            {"value": str(cut.value), "axis": cut.axis, "channels": cut.channels.tolist()}
            for cut in group.values
        ],
    }
