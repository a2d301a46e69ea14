"""What a thinned net costs is foretold to the last multiplication."""

from __future__ import annotations

import numpy as np
from channel_choices import random_keep, with_random_weights
from channel_nets import channel_nets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zoo_index import pairs

from netsurgery.network.channels import channel_groups, thin_model
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model, load
from netsurgery.planning.thin_cost import ThinCost


def check(model: Model, seed: int) -> int:
    """Compare for a random choice; the number of groups that lose something."""
    groups = channel_groups(model)
    keep = random_keep(groups, seed, 0.6, approximate=True)
    cost, before = ThinCost(model, groups), total_cost(model)
    assert (cost.params, cost.macs) == (before.params, before.macs)
    assert cost.of({}) == (cost.params, cost.macs)
    masks = {g.name: np.isin(np.arange(g.channels), keep[g.name]) for g in groups if g.name in keep}
    after = total_cost(thin_model(model, groups, keep))
    assert cost.of(masks) == (after.params, after.macs)
    return sum(not mask.all() for mask in masks.values())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=channel_nets(), seed=st.integers(0, 99))
def test_random_nets(text, seed) -> None:
    check(with_random_weights(text), seed)


def test_real_nets(zoo) -> None:
    runs = [pair for pair in pairs(zoo) if pair.caffe or pair.opencv]
    first = {pair.prototxt.parent: pair for pair in reversed(runs)}
    models = [load(pair.prototxt, pair.weights) for pair in first.values()]
    counts = [check(model, number) for number, model in enumerate(models)]
    # Those of opencv_layer_tests are single layers.
    assert sum(count > 0 for count in counts) >= len(counts) - 2
