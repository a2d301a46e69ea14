"""Which channels go next: the least of all groups, for what goes with them if that is wanted."""

from __future__ import annotations

from typing import Any, List

import numpy as np
import pytest
from small_models import make_model
from small_training import classifier
from thinned_models import in_groups, wide

from netsurgery.costs import MACS, NetCost
from netsurgery.criteria import View, criterion
from netsurgery.criteria.norms import SumOfMagnitudes
from netsurgery.errors import PlanError
from netsurgery.pruning import choose_channels, without_channels


def test_the_least_channels_of_all_groups_go_first() -> None:
    model = classifier(hidden="")
    weights = model.blobs("fc1")[0].array()
    order = np.argsort(np.abs(weights).sum(1), kind="stable")
    keep = choose_channels(model, criterion("l1"), 0, 2).keep
    assert keep == {"fc1": sorted(order[2:].tolist())}


def test_no_more_go_than_the_limit_wants() -> None:
    model = classifier(hidden="")  # 6 * 4 + 3 * 6 MACs, 7 of each channel
    assert NetCost(model).total[MACS] == 42 * 8
    [keep] = choose_channels(model, criterion("l1"), 8 * 30, 5).keep.values()
    assert len(keep) == 4  # 28; 5 would be 35
    thinner = without_channels(model, {"fc1": keep})
    assert NetCost(thinner.model).total[MACS] == 8 * 28
    assert thinner.model.blobs("fc1")[0].shape == (4, 4)


@pytest.mark.parametrize(("net", "least"), [(in_groups, [4, 4]), (classifier, [1])])
def test_blocks_lose_as_many_and_no_group_its_last_channel(net: Any, least: List[int]) -> None:
    model = net()
    keep = choose_channels(model, criterion("l1"), 0, 100).keep
    assert [len(kept) for kept in keep.values()] == least
    if len(least) > 1:
        assert all(sum(channel < 3 for channel in kept) == 2 for kept in keep.values())
    small = without_channels(model, keep).model
    with pytest.raises(PlanError, match="no channel is left that could go"):
        choose_channels(small, criterion("l1"), 0, 100)


def test_what_computes_little_already_is_refused() -> None:
    model = classifier(hidden="")
    with pytest.raises(PlanError, match="no more than is to be left"):
        choose_channels(model, criterion("l1"), 42 * 8, 5)


def test_a_criterion_that_needs_inputs_says_so() -> None:
    with pytest.raises(PlanError, match="there are no inputs"):
        choose_channels(classifier(hidden=""), criterion("taylor"), 0, 5)


@pytest.mark.parametrize("factor", [0.0, 20.0, 40.0, 1e4])
def test_a_channel_counts_for_less_by_the_operations_that_go_with_it(factor: float) -> None:
    """Held against nets that are cut: Theta - lambda * Theta_flops, the least goes, one by one."""
    model, l1 = wide(), criterion("l1")
    left = {name: list(range(count)) for name, count in (("one", 5), ("two", 4))}
    scores = {}
    for name in left:
        weights = np.abs(model.blobs(name)[0].array().reshape(len(left[name]), -1)).sum(1)
        scores[name] = weights / np.linalg.norm(weights)

    def macs(kept: Any) -> float:
        return NetCost(without_channels(model, kept).model).total[MACS]

    for _ in range(4):
        worths = {}
        for name, kept in left.items():
            least = min(kept, key=lambda channel: scores[name][channel])
            after = {**left, name: [one for one in kept if one != least]}
            flops = 2e-6 * (macs(left) - macs(after))
            worths[name, least] = scores[name][least] - factor * flops
        name, channel = min(worths, key=lambda one: worths[one])
        left[name].remove(channel)
    chosen = choose_channels(model, l1, 0, 4, flops_regularization=factor).keep
    assert chosen == {name: kept for name, kept in left.items() if len(kept) < len(scores[name])}


def test_more_regularization_takes_channels_that_cost_more() -> None:
    model = wide()
    left = [
        NetCost(without_channels(model, chosen.keep).model).total[MACS]
        for factor in (0.0, 1e4)
        for chosen in [choose_channels(model, criterion("l1"), 0, 4, flops_regularization=factor)]
    ]
    assert left[1] < left[0]
    assert choose_channels(model, criterion("l1"), 0, 4, flops_regularization=1e4).keep == {
        "one": choose_channels(model, criterion("l1"), 0, 100).keep["one"]
    }


ENDS = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 2 dim: 5 dim: 5 } } }
layer { name: "one" type: "Convolution" bottom: "data" top: "one"
        convolution_param { num_output: 4 kernel_size: 1 bias_term: false } }
layer { name: "scores" type: "Convolution" bottom: "data" top: "scores"
        convolution_param { num_output: 1 kernel_size: 1 bias_term: false } }
layer { name: "weighed" type: "InnerProduct" bottom: "scores" top: "weighed"
        inner_product_param { num_output: 2 bias_term: false } }
layer { name: "fc" type: "InnerProduct" bottom: "one" top: "fc"
        inner_product_param { num_output: 3 bias_term: false } }
"""


def test_groups_that_stay_whole_are_told_with_the_reason() -> None:
    shapes = {"one": (4, 2, 1, 1), "scores": (1, 2, 1, 1), "weighed": (2, 25), "fc": (3, 100)}
    model = make_model(ENDS, {name: [np.ones(shape)] for name, shape in shapes.items()})
    told = choose_channels(model, criterion("l1"), 0, 2).whole
    assert [(one.layer, one.reason) for one in told] == [
        ("data", "data is an input of the network"),
        ("scores", "a blob would be left without channels: scores has no other"),
        ("weighed", "weighed is an output of the network"),
        ("fc", "fc is an output of the network"),
    ]


class Choosy(SumOfMagnitudes):
    """A criterion that says nothing of one group."""

    def scores(self, view: View) -> np.ndarray:
        if view.group.name == "two":
            raise PlanError("nothing is known of it", layer="two")
        return super().scores(view)


def test_a_group_that_a_criterion_cannot_rank_stays_whole_and_is_told() -> None:
    chosen = choose_channels(wide(), Choosy(), 0, 100)
    assert list(chosen.keep) == ["one"]
    assert ("two", "nothing is known of it") in [(o.layer, o.reason) for o in chosen.whole]


@pytest.mark.parametrize(("net", "share"), [(wide, 0.3), (in_groups, 0.6), (classifier, 0.4)])
@pytest.mark.parametrize("remove", [1, 2, 3])
def test_what_is_ahead_is_what_the_rounds_come_to_if_channels_keep_their_order(
    net: Any, share: float, remove: int
) -> None:
    """All of it at once, in one order, is what the rounds one after another come to."""
    model = net()
    limit = share * NetCost(model).total[MACS]
    ahead = choose_channels(model, criterion("l1"), limit, remove).ahead
    for number, told in enumerate(ahead[:-1], 1):
        # Blocks go whole: a round takes one more where the last begins.
        keep = choose_channels(model, criterion("l1"), limit, number * remove).keep
        assert NetCost(without_channels(model, keep).model).total[MACS] == pytest.approx(told)
    assert ahead[-1] <= limit or ahead[-1] == pytest.approx(limit)
    assert list(ahead) == sorted(ahead, reverse=True)
