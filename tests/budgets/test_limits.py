"""Whatever is asked for: no budget is exceeded, and more of it loses no more."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Mapping, Tuple

import numpy as np
import pytest
from budget_nets import falling, small_net
from hypothesis import given, settings, strategies as st
from small_models import make_model

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.errors import PlanError
from netsurgery.formats.weights import Weights
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.report.explain import whole_lines
from netsurgery.surgery import apply

PRINTED = 1e-5  # a plan holds six digits
TEXT = """\
input: "data" input_shape { dim: 1 dim: 3 dim: 9 dim: 8 }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
        convolution_param { num_output: 12 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "a" top: "a" }
layer { name: "b" type: "Convolution" bottom: "a" top: "b"
        convolution_param { num_output: 16 kernel_size: 3 stride: 2 } }
layer { name: "c" type: "InnerProduct" bottom: "b" top: "c" inner_product_param { num_output: 6 } }
"""
SHAPES = {"a": (12, 3, 3, 3), "b": (16, 12, 3, 3), "c": (6, 16 * 3 * 2)}
EVERY = ("svd", "channel_svd", "spatial_svd", "tucker")
SHARES = st.floats(0.25, 0.95)


def some_net(seed: int) -> Model:
    random = np.random.default_rng(seed)
    return make_model(
        TEXT,
        {
            name: [falling(shape, 10 * seed + number), random.normal(size=shape[0])]
            for number, (name, shape) in enumerate(SHAPES.items())
        },
    )


def spent(model: Model, plan: Plan) -> Mapping[str, float]:
    """The share of each currency that a plan leaves, measured on what it writes."""
    costs = []
    for one in (model, apply(model, plan)):
        total = total_cost(one)
        with tempfile.TemporaryDirectory() as folder:
            size = one.save(Path(folder))[1].stat().st_size
        costs.append({"macs": total.macs, "params": total.params, "bytes": size})
    return {name: costs[1][name] / whole for name, whole in costs[0].items()}


def planned(model: Model, methods: Tuple[str, ...], **shares: float) -> Plan:
    plan = plan_budget(model, BudgetRequest(Budget(**shares), methods))
    left = spent(model, plan)
    assert all(left[name] <= share for name, share in shares.items())
    return plan


@settings(max_examples=8)
@given(st.integers(0, 99), SHARES, SHARES, SHARES, SHARES)
def test_three_budgets_hold_at_once(
    seed: int, macs: float, params: float, size: float, more: float
) -> None:
    model, losses = some_net(seed), []
    for grown in (0.0, more):
        shares = {
            name: share + grown * (1.0 - share)
            for name, share in (("macs", macs), ("params", params), ("bytes", size))
        }
        try:
            losses.append(planned(model, EVERY, **shares).expected.loss)
        except PlanError:
            losses.append(np.inf)  # which must not be where less was enough
    assert losses == sorted(losses, reverse=True)


def test_a_file_in_hdf5_keeps_to_its_budget(tmp_path: Path) -> None:
    """Where every layer takes thousands of bytes beside its numbers."""
    small = small_net()
    model = Model(small.prototxt, Weights(small.weights.layers, format="hdf5"))
    before = model.save(tmp_path / "before.prototxt", tmp_path / "before.h5")[1].stat().st_size
    for share in (0.5, 0.7, 0.9):
        plan = plan_budget(model, BudgetRequest(Budget(bytes=share), EVERY))
        assert plan.edits
        made = apply(model, plan).save(tmp_path / "after.prototxt", tmp_path / "after.h5")
        assert made[1].stat().st_size <= share * before


@settings(max_examples=4)
@given(st.integers(0, 99), st.sampled_from(["macs", "params"]), SHARES, SHARES)
def test_with_thinning_too_more_of_a_budget_loses_no_more(
    seed: int, currency: str, first: float, second: float
) -> None:
    model, methods = some_net(seed), ("svd", "channel_svd", "thin")
    losses = [
        planned(model, methods, **{currency: share}).expected.loss
        for share in sorted((first, second))
    ]
    assert losses[1] <= losses[0] * (1 + PRINTED)


def test_tenths_between_two_budgets_are_open_to_the_larger() -> None:
    """What a net can be thinned to before it is factored once left out those near the budget."""
    model, methods = small_net(), ("svd", "channel_svd", "thin")
    losses = [
        plan_budget(model, BudgetRequest(Budget(macs=share), methods)).expected.loss
        for share in (0.7387, 0.7542)
    ]
    assert losses[1] <= losses[0]


def test_a_full_budget_leaves_the_net_alone_with_thinning_too() -> None:
    model = some_net(0)
    assert model.weights is not None
    for given_ in ({"macs": 1.0, "params": 1.0, "bytes": 1.0}, {"bytes": model.weights.size()}):
        plan = plan_budget(model, BudgetRequest(Budget(**given_), (*EVERY, "thin", "cp")))
        assert plan.edits == ()
        assert plan.expected.loss == 0


def test_a_search_that_is_stopped_says_how_far_it_is_from_the_best() -> None:
    """The work that a microsecond stands for is done before the first layer is."""
    model, shares = small_net(), Budget(macs=0.5, params=0.5)
    best = plan_budget(model, BudgetRequest(shares, EVERY))
    stopped = plan_budget(model, BudgetRequest(shares, EVERY, time_limit=1e-6))
    again = plan_budget(model, BudgetRequest(shares, EVERY, time_limit=1e-6))
    assert best.expected.gap is None
    assert stopped.to_dict() == again.to_dict()
    assert stopped.expected.gap > 0
    least = stopped.expected.loss - stopped.expected.gap
    assert least - PRINTED <= best.expected.loss <= stopped.expected.loss + PRINTED
    left, whole = stopped.expected.left, stopped.expected.whole
    assert all(left[name] <= 0.5 * whole[name] for name in ("macs", "params"))
    assert f"could lose {stopped.expected.gap:.3g} less at most" in "\n".join(whole_lines(stopped))
    assert Plan.from_yaml(stopped.to_yaml()).expected == stopped.expected


def test_no_time_is_refused() -> None:
    with pytest.raises(PlanError, match="no time"):
        BudgetRequest(Budget(macs=0.5), time_limit=0)
