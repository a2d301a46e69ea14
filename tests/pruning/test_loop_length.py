"""How many rounds a loop takes, and how much of the work is done, are counted before and in it."""

from __future__ import annotations

from typing import Callable

import numpy as np
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


def test_work_is_shared_out_among_the_rounds() -> None:
    length = LoopLength(np.array([0.8, 0.5, 0.3]))
    assert length.work == pytest.approx(1.6)
    ends = [length.through(macs) for macs in (1.0, 0.8, 0.5, 0.3, 0.1)]
    assert ends == pytest.approx([0, 0.5, 1.3 / 1.6, 1, 1])
    rounds = [length.next(macs) for macs in (1.0, 0.8, 0.5, 0.3)]
    assert rounds == pytest.approx([0.5, 0.8 / 1.6 - 0.3 / 1.6, 0.3 / 1.6, 0])
    # Between two of them, as the loop takes other channels: the rest of one and some of the next.
    assert length.next(0.65) == pytest.approx((0.25 + 0.15) / 1.6)
