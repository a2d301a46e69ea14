"""The weights that read a channel are those that `masked` puts zeros in."""

from __future__ import annotations

import numpy as np
from channel_choices import with_random_weights
from channel_nets import channel_nets
from hypothesis import HealthCheck, given, settings

from netsurgery.errors import PlanError
from netsurgery.network.channels import ChannelGroup, channel_groups, masked
from netsurgery.network.channels.readers import first_reader, weights_reading
from netsurgery.network.model import Model


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(text=channel_nets())
def test_zeros_stand_where_they_stand_in_a_masked_net(text: str) -> None:
    model = with_random_weights(text)
    groups = channel_groups(model)
    for group in groups:
        for channel in group.free[:3].tolist():
            check(model, groups, group, channel)


def check(model: Model, groups: list[ChannelGroup], group: ChannelGroup, channel: int) -> None:
    keep = np.setdiff1d(np.arange(group.channels), channel)
    try:
        expected = masked(model, groups, {group.name: keep.tolist()})
    except PlanError:  # blocks of a grouped convolution must stay equal: it cannot go alone
        return
    names = [layer.name for layer in model.network().layers]
    shapes = {name: [blob.shape for blob in model.blobs(name)] for name in names}
    found = weights_reading(group, channel, shapes)
    for name in names:
        for index, blob in enumerate(model.blobs(name)):
            array = blob.array().copy()
            array.reshape(-1)[found.get((name, index), [])] = 0
            np.testing.assert_array_equal(array, expected.blobs(name)[index].array())
    readers = {layer.index for layer in group.consumers}
    assert not found or first_reader(group).index == min(readers)
