"""How many rounds a loop takes is counted before it begins."""

from __future__ import annotations

from typing import Callable

import pytest
from small_training import classifier
from thinned_models import in_groups, wide

from netsurgery.costs import MACS, NetCost
from netsurgery.criteria import criterion
from netsurgery.network import Model
from netsurgery.pruning import LoopLength, choose_channels, without_channels


def test_of_one_group_the_rounds_are_those_of_the_loop() -> None:
    length = LoopLength.dry_run(classifier(hidden=""), 0.4, 1)
    assert length.macs == pytest.approx([5 / 6, 4 / 6, 3 / 6, 0.4])  # less than a whole channel
    assert LoopLength.dry_run(classifier(hidden=""), 0.5, 1).macs == pytest.approx(
        [5 / 6, 4 / 6, 3 / 6]
    )
    assert len(LoopLength.dry_run(classifier(hidden=""), 0.4, 80).macs) == 1


@pytest.mark.parametrize("net", [wide, in_groups])
@pytest.mark.parametrize("remove", [1, 2])
def test_of_several_groups_they_are_nearly_as_many(net: Callable[[], Model], remove: int) -> None:
    model, whole = net(), NetCost(net()).total[MACS]
    rounds = 0
    while NetCost(model).total[MACS] > 0.6 * whole:
        keep = choose_channels(model, criterion("l1"), 0.6 * whole, remove).keep
        model, rounds = without_channels(model, keep).model, rounds + 1
    told = len(LoopLength.dry_run(net(), 0.6, remove).macs)
    assert rounds / 2 <= told <= rounds * 2
