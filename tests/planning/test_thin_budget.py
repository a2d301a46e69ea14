from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, channel_nets, line
from hypothesis import HealthCheck, given, settings, strategies as st

from netsurgery.costs import Budget, ChannelCost, NetCost
from netsurgery.criteria import View, criterion
from netsurgery.criteria.base import RemovalOrder
from netsurgery.errors import PlanError
from netsurgery.network.channels import ChannelGroup, channel_groups, thin_model
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning.thin_budget import ladder, spend

QUIET: Dict[str, Any] = {"suppress_health_check": list(HealthCheck)}

CHAIN = (
    declared("x", 1, 3, 9, 9)
    + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 16")
    + line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 24 group: 4")
    + line("Convolution", "c", ["b"], ["c"], CONVOLUTION % "num_output: 20")
    + line("InnerProduct", "d", ["c"], ["d"], "inner_product_param { num_output: 5 }")
)


def rankings_of(model: Model, groups: List[ChannelGroup]) -> Dict[str, RemovalOrder]:
    found = {}
    for group in groups:
        if not group.blocked:
            try:
                found[group.name] = criterion("l1").ranking(View(model, group))
            except PlanError:
                continue
    return found


@settings(max_examples=60, **QUIET)
@given(
    text=channel_nets(),
    share=st.floats(0.2, 1.0),
    kind=st.sampled_from(["macs", "params"]),
    multiple=st.sampled_from([1, 1, 2]),
)
def test_a_net_never_costs_more_than_the_budget(text, share, kind, multiple) -> None:
    model = with_random_weights(text)
    groups = channel_groups(model)
    rankings = rankings_of(model, groups)
    before = total_cost(model)._asdict()[kind]
    try:
        kept = spend(NetCost(model), groups, rankings, Budget(**{kind: share}), {}, multiple)
    except PlanError as error:
        if "cannot be met" not in str(error):
            raise
        return
    choice = {name: channels.tolist() for name, channels in kept.items()}
    thinned = thin_model(model, groups, choice)
    assert total_cost(thinned)._asdict()[kind] <= share * before
    for group in groups:
        if group.name in kept and len(kept[group.name]) < group.channels:
            assert len(kept[group.name]) % multiple == 0


def chain() -> Model:
    return with_random_weights(CHAIN)


def spent(model: Model, budget: Budget, **more: Any) -> Dict[str, np.ndarray]:
    groups = channel_groups(model)
    fixed = more.pop("fixed", {})
    rankings = {n: r for n, r in rankings_of(model, groups).items() if n not in fixed}
    return spend(NetCost(model), groups, rankings, budget, fixed, **more)


def test_a_full_budget_cuts_nothing() -> None:
    counts = {name: len(kept) for name, kept in spent(chain(), Budget(macs=1.0)).items()}
    assert counts == {"a": 16, "b": 24, "c": 20}


@pytest.mark.parametrize("kind", ["macs", "params"])
def test_less_keeps_a_part_of_what_more_keeps(kind) -> None:
    before: Dict[str, np.ndarray] = {}
    for share in (0.9, 0.7, 0.5, 0.3):
        kept = spent(chain(), Budget(**{kind: share}))
        assert all(np.isin(kept[name], larger).all() for name, larger in before.items())
        assert sum(map(len, kept.values())) < sum(map(len, before.values()), 0) or not before
        before = kept


def test_both_budgets_hold() -> None:
    model = chain()
    kept = spent(model, Budget(macs=0.6, params=0.4))
    choice = {name: channels.tolist() for name, channels in kept.items()}
    after, before = (
        total_cost(one) for one in (thin_model(model, channel_groups(model), choice), model)
    )
    assert after.macs <= 0.6 * before.macs
    assert after.params <= 0.4 * before.params


def test_counts_are_multiples_of_what_is_asked_and_of_groups() -> None:
    kept = spent(chain(), Budget(macs=0.5), multiple=3)
    # b is made and read by four groups, a is read by them.
    assert len(kept["a"]) in (16, 12)
    assert len(kept["b"]) % 12 == 0
    assert len(kept["c"]) == 20 or len(kept["c"]) % 3 == 0


@settings(max_examples=30, **QUIET)
@given(text=channel_nets(), share=st.floats(0.3, 1.0))
def test_the_file_is_no_larger_than_asked(text, share) -> None:
    model = with_random_weights(text)
    groups, before = channel_groups(model), model.weights.size()
    try:
        kept = spend(
            NetCost(model), groups, rankings_of(model, groups), Budget(bytes=share * before), {}
        )
    except PlanError:
        return
    choice = {name: channels.tolist() for name, channels in kept.items()}
    assert thin_model(model, groups, choice).weights.size() <= share * before


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_what_a_file_may_hold_is_used(share) -> None:
    model = chain()
    kept = spent(model, Budget(bytes=share))
    choice = {name: channels.tolist() for name, channels in kept.items()}
    size = thin_model(model, channel_groups(model), choice).weights.size()
    # A step takes a channel of at most 24 x 9 x 9 numbers, and less of the layers beside it.
    assert share * model.weights.size() - 8000 < size <= share * model.weights.size()


def test_what_is_decided_already_counts() -> None:
    model = chain()
    fixed = {"a": np.array([0, 1, 4, 5, 8, 9, 12, 13])}
    kept = spent(model, Budget(macs=0.5), fixed=fixed)
    assert sorted(kept) == ["b", "c"]
    choice = {name: list(map(int, channels)) for name, channels in {**kept, **fixed}.items()}
    after = total_cost(thin_model(model, channel_groups(model), choice))
    assert after.macs <= 0.5 * total_cost(model).macs


def plain_spend(model: Model, groups: List[ChannelGroup], budget: Budget) -> Dict[str, List[int]]:
    """What `spend` answers, by thinning the whole model for every candidate of every step."""
    rankings = rankings_of(model, groups)
    ladders = {
        g.name: ladder(g, rankings[g.name], 1, View(model, g).blocks)
        for g in groups
        if g.name in rankings
    }
    taken = dict.fromkeys(ladders, 0)
    keep = {name: list(range(len(one.masks[0]))) for name, one in ladders.items()}
    before = total_cost(model)
    limits = {"macs": budget.macs, "params": budget.params}
    while True:
        now = total_cost(thin_model(model, groups, keep))._asdict()
        over = [
            kind
            for kind, share in limits.items()
            if share and now[kind] > share * before._asdict()[kind]
        ]
        if not over:
            return keep
        found = []
        for name, one in ladders.items():
            if taken[name] == len(one.losses):
                continue
            mask, loss = one.masks[taken[name] + 1], one.losses[taken[name]]
            trial = {**keep, name: np.flatnonzero(mask).tolist()}
            after = total_cost(thin_model(model, groups, trial))._asdict()
            saved = sum((now[kind] - after[kind]) / before._asdict()[kind] for kind in over)
            if saved > 0:
                found.append((loss / saved, name, mask))
        if not found:
            raise PlanError("cannot be met")
        _, name, mask = min(found, key=lambda one: one[0])
        taken[name] += 1
        keep[name] = np.flatnonzero(mask).tolist()


@settings(max_examples=10, **QUIET)
@given(text=channel_nets(most_layers=4), macs=st.floats(0.3, 1.0), params=st.floats(0.3, 1.0))
def test_the_same_is_chosen_as_when_the_whole_net_is_looked_at(text, macs, params) -> None:
    model, budget = with_random_weights(text), Budget(macs, params)
    groups = channel_groups(model)
    try:
        expected = plain_spend(model, groups, budget)
    except PlanError:
        return
    found = spend(NetCost(model), groups, rankings_of(model, groups), budget, {})
    assert {name: kept.tolist() for name, kept in found.items()} == expected


def test_a_step_asks_for_the_price_of_its_neighbours_only(monkeypatch) -> None:
    count = 40
    names = ["x", *(f"c{number}" for number in range(count))]
    text = declared("x", 1, 3, 4, 4) + "".join(
        line("Convolution", after, [before], [after], "convolution_param { kernel_size: 1 %s }")
        % "num_output: 4"
        for before, after in zip(names, names[1:])
    )
    asked, steps = [], []
    plain, plain_take = ChannelCost.after, ChannelCost.take
    monkeypatch.setattr(ChannelCost, "after", lambda *args: asked.append(1) or plain(*args))
    monkeypatch.setattr(ChannelCost, "take", lambda *args: steps.append(1) or plain_take(*args))
    spent(with_random_weights(text), Budget(macs=0.5))
    assert len(steps) > count / 2
    assert len(asked) <= count + 3 * len(steps)


def test_an_impossible_budget_says_what_can_be_had() -> None:
    with pytest.raises(PlanError, match=r"cannot be met: 0\.\d+ of the MACs and 0\.\d+ of the par"):
        spent(chain(), Budget(macs=0.0001))


@pytest.mark.parametrize(
    "shares",
    [
        *({}, {"macs": 0.0}, {"params": 1.5}, {"macs": float("nan")}, {"macs": -1}),
        *({"bytes": 0}, {"bytes": float("nan")}, {"latency": 2}),
    ],
)
def test_a_budget_is_a_share(shares) -> None:
    with pytest.raises(PlanError, match=r"no budget|no share|no size"):
        Budget(**shares)


def test_the_cheapest_for_what_it_saves_goes_first() -> None:
    model = chain()
    groups = channel_groups(model)
    rankings = {
        name: RemovalOrder(r.order, np.full(len(r.order), 1.0 if name == "c" else 1e6))
        for name, r in rankings_of(model, groups).items()
    }
    kept = spend(NetCost(model), groups, rankings, Budget(params=0.9), {})
    assert len(kept["a"]) == 16
    assert len(kept["b"]) == 24
    assert len(kept["c"]) < 20


def group_of(channels: int, pinned: int = 0) -> ChannelGroup:
    """A group of channels, some of which must stay."""
    return ChannelGroup(
        "a", ("a",), channels, (), (), (), dict.fromkeys(range(pinned), "so"), None, ()
    )


def rungs(group: ChannelGroup, multiple: int = 1) -> List[int]:
    """How many channels of a group are left after each step, the least worth going first."""
    free = np.arange(group.channels)[len(group.pinned) :]
    losses = 2.0 ** np.arange(len(free))
    found = ladder(group, RemovalOrder(free[::-1], losses), multiple, None)
    # What a step loses is what its channels lose, and the first to go are gone for good.
    gone = [group.channels - mask.sum() for mask in found.masks]
    assert np.cumsum(found.losses) == pytest.approx([losses[:count].sum() for count in gone[1:]])
    for mask, count in zip(found.masks, gone):
        assert not mask[group.channels - count :].any()
        assert mask[: group.channels - count].all()
    return [int(mask.sum()) for mask in found.masks]


def test_a_group_keeps_a_tenth_and_what_is_pinned() -> None:
    assert rungs(group_of(40)) == list(range(40, 3, -1))
    assert rungs(group_of(3)) == [3, 2, 1]
    assert rungs(group_of(40, pinned=6)) == list(range(40, 5, -1))


def test_a_large_group_goes_in_sixty_four_steps_at_most() -> None:
    assert rungs(group_of(128))[:4] == [128, 126, 124, 122]
    # A tenth of 1,000 is kept, and no step takes fewer than 15.
    assert rungs(group_of(1000)) == list(range(1000, 99, -15))


def test_steps_go_to_the_next_multiple_below() -> None:
    assert rungs(group_of(21), 4) == [21, 20, 16, 12, 8, 4]
