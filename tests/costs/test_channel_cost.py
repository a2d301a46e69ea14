"""What a thinned net costs is predicted to the last multiplication."""

from __future__ import annotations

from typing import Dict, List, Optional

import numpy as np
from calibration_nets import declared
from channel_choices import random_keep, with_random_weights
from channel_nets import CONVOLUTION, channel_nets, line
from hypothesis import HealthCheck, given, settings, strategies as st
from zoo_index import pairs

from netsurgery.costs import ChannelCost, NetCost
from netsurgery.errors import PlanError
from netsurgery.network.channels import ChannelGroup, channel_groups, thin_model
from netsurgery.network.cost import Totals, total_cost
from netsurgery.network.model import Model, load

LADDER = declared("x", 1, 3, 12, 12) + "".join(
    line("Convolution", name, [bottom], [name], CONVOLUTION % "num_output: 8")
    for bottom, name in ("xa", "ab", "bc", "cd")
)


def cost_of(model: Model, groups: List[ChannelGroup]) -> ChannelCost:
    return ChannelCost(NetCost(model), groups, ("macs", "params"))


def counts(totals: Totals) -> Dict[str, Optional[int]]:
    return {"macs": totals.macs, "params": totals.params}


def check(model: Model, seed: int) -> int:
    """Compare for a random choice; the number of groups that lose something."""
    groups = channel_groups(model)
    keep = random_keep(groups, seed, 0.6, approximate=True)
    cost, before = cost_of(model, groups), total_cost(model)
    assert cost.now == cost.total == counts(before)
    masks = {g.name: np.isin(np.arange(g.channels), keep[g.name]) for g in groups if g.name in keep}
    after = total_cost(thin_model(model, groups, keep))
    for name, mask in masks.items():
        cost.take(name, mask)
    assert cost.now == counts(after)
    return sum(not mask.all() for mask in masks.values())


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(text=channel_nets(), seed=st.integers(0, 99))
def test_random_nets(text, seed) -> None:
    check(with_random_weights(text), seed)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(text=channel_nets(), seed=st.integers(0, 99), data=st.data())
def test_channels_that_go_one_after_another_cost_what_the_whole_net_costs(text, seed, data) -> None:
    model = with_random_weights(text)
    groups = channel_groups(model)
    cost, gone = cost_of(model, groups), {}
    ends = random_keep(groups, seed, 0.5, approximate=True)
    halves = [(name, half) for name in ends for half in (0, 1)]
    for name, _ in data.draw(st.permutations(halves)):
        channels = next(group.channels for group in groups if group.name == name)
        # First to half of what goes, then to all of it; a choice that may not be made is not.
        going = np.setdiff1d(np.arange(channels), ends[name])
        keep = np.setdiff1d(np.arange(channels), going if name in gone else going[::2])
        try:
            after = total_cost(thin_model(model, groups, {**gone, name: keep.tolist()}))
        except PlanError:
            continue
        mask = np.isin(np.arange(channels), keep)
        before = cost.now
        assert cost.after(name, mask) == counts(after)
        assert cost.now == before
        cost.take(name, mask)
        assert cost.now == counts(after)
        gone[name] = keep.tolist()


def test_groups_that_have_a_part_of_one_blob_stand_beside_each_other() -> None:
    model = with_random_weights(LADDER)
    cost = cost_of(model, channel_groups(model))
    assert cost.beside("b") == {"a", "b", "c"}
    assert cost.beside("a") >= {"x", "a", "b"}
    assert "c" not in cost.beside("a")


def test_real_nets(zoo) -> None:
    runs = [pair for pair in pairs(zoo) if pair.caffe or pair.opencv]
    first = {pair.prototxt.parent: pair for pair in reversed(runs)}
    models = [load(pair.prototxt, pair.weights) for pair in first.values()]
    counts = [check(model, number) for number, model in enumerate(models)]
    # Those of opencv_layer_tests are single layers.
    assert sum(count > 0 for count in counts) >= len(counts) - 2
