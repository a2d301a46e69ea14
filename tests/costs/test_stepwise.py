"""A step is priced when it is first met, and again only when one beside it is taken."""

from __future__ import annotations

from typing import Dict, List, Sequence

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line

from netsurgery.costs import ChannelCost, NetCost, Stepwise
from netsurgery.criteria import RemovalOrder
from netsurgery.network.channels import ChannelGroup, channel_groups
from netsurgery.network.model import Model
from netsurgery.planning.thin_budget import RemovalCost, RemovalSteps, ladder


def chain(layers: int) -> Model:
    names = ["x", *(f"c{number}" for number in range(layers))]
    text = declared("x", 1, 3, 6, 6) + "".join(
        line("Convolution", after, [before], [after], CONVOLUTION % "num_output: 8 pad: 1")
        for before, after in zip(names, names[1:])
    )
    return with_random_weights(text)


def ladders_of(groups: Sequence[ChannelGroup]) -> List[RemovalSteps]:
    random = np.random.default_rng(0)
    rankings = {
        group.name: RemovalOrder(np.arange(group.channels), random.random(group.channels))
        for group in groups
        if not group.blocked
    }
    return [ladder(g, rankings[g.name], 1, None) for g in groups if g.name in rankings]


def solved(layers: int, monkeypatch: pytest.MonkeyPatch) -> Dict[str, int]:
    """How many steps were taken, and how often one was priced."""
    model, counts = chain(layers), {"priced": 0}
    groups = channel_groups(model)
    ladders = ladders_of(groups)
    cost = RemovalCost(ChannelCost(NetCost(model), groups, ["macs", "params"]), ladders)
    after = ChannelCost.after

    def counted(own: ChannelCost, name: str, mask: np.ndarray) -> Dict[str, float]:
        counts["priced"] += 1
        return after(own, name, mask)

    with monkeypatch.context() as patch:
        patch.setattr(ChannelCost, "after", counted)
        whole = cost.now
        found = Stepwise([one.losses for one in ladders], cost, whole).solve(
            {"macs": 0.6 * whole["macs"]}
        )
    assert found is not None
    return {"steps": sum(found.numbers), "parts": len(ladders), **counts}


@pytest.mark.parametrize("layers", [5, 40])
def test_a_step_prices_its_neighbours_alone(layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    done = solved(layers, monkeypatch)
    assert done["steps"] > layers
    # In a chain a group stands beside two others.
    assert done["priced"] <= done["parts"] + 3 * done["steps"]
