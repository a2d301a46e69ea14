"""What rules speak of where no method is named: InnerProduct layers first, else all with a form."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest
from small_models import decaying, make_model

from netsurgery.engine import engine as engine_named
from netsurgery.errors import PlanError
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.network.model import Model
from netsurgery.planning.low_rank import LowRankRequest, plan_low_rank
from netsurgery.planning.plan import Plan
from netsurgery.planning.rules import parse_rule

INPUT = """layer { name: "d" type: "Input" top: "x"
        input_param { shape { dim: 1 dim: 4 dim: 9 dim: 9 } } }
"""


def convolution(name: str, bottom: str, window: str = "kernel_size: 3") -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ num_output: 12 {window} }} }}\n"
    )


def product(name: str, bottom: str, outputs: int) -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
        f"inner_product_param {{ num_output: {outputs} }} }}\n"
    )


DECONVOLUTION = (
    'layer { name: "up" type: "Deconvolution" bottom: "c2" top: "up" '
    "convolution_param { num_output: 5 kernel_size: 2 bias_term: false } }\n"
)
CONVOLUTIONS = INPUT + convolution("c1", "x") + convolution("c2", "c1")


def kernel(seed: int, outputs: int, inputs: int, height: int = 3, width: int = 3) -> np.ndarray:
    flat = decaying(outputs, inputs * height * width, seed, 0.6)
    return flat.reshape(outputs, inputs, height, width)


def blobs() -> Dict[str, List[np.ndarray]]:
    return {
        "c1": [kernel(1, 12, 4), np.zeros(12)],
        "c2": [kernel(2, 12, 12), np.zeros(12)],
    }


def net(kind: str) -> Model:
    if kind == "convolutions":
        return make_model(CONVOLUTIONS, blobs())
    if kind == "deconvolution":
        up = {"up": [np.ones((12, 5, 2, 2)) + np.arange(2)]}
        return make_model(CONVOLUTIONS + DECONVOLUTION, {**blobs(), **up})
    # A single output has no rank below its own.
    whole, outputs = (decaying(20, 300, 3, 0.6), 20) if kind == "gains" else (np.eye(1, 300), 1)
    ip = {"ip": [whole, np.zeros(outputs)]}
    return make_model(CONVOLUTIONS + product("ip", "c2", outputs), {**blobs(), **ip})


def planned(model: Model, *rules: Tuple[str, str], **more: object) -> Plan:
    return plan_low_rank(model, LowRankRequest([parse_rule(*rule) for rule in rules], **more))


def methods(plan: Plan) -> Dict[str, str]:
    return {edit.layer: edit.method for edit in plan.edits}


@pytest.mark.parametrize(
    "rule", [("energy", "0.9"), ("error", "0.3"), ("rank", "0.3"), ("rank", "evbmf")]
)
@pytest.mark.parametrize("kind", ["convolutions", "deconvolution", "none gains"])
def test_where_no_inner_product_gains_all_that_have_a_form_are_factored(
    kind: str, rule: Tuple[str, str]
) -> None:
    plan = planned(net(kind), rule)
    assert set(methods(plan)) == {"c1", "c2"}
    left = {one.layer: one.reason for one in plan.skipped}
    assert set(left) == {"deconvolution": {"up"}, "none gains": {"ip"}}.get(kind, set())
    if kind == "deconvolution":
        assert left["up"].startswith("no method factors layers of type Deconvolution")


@pytest.mark.parametrize("rule", [("energy", "0.9"), ("error", "0.3"), ("rank", "0.3")])
def test_where_one_gains_rules_for_all_are_for_those(rule: Tuple[str, str]) -> None:
    plan = planned(net("gains"), rule)
    assert methods(plan) == {"ip": "svd"}
    assert {one.layer: "InnerProduct" in one.reason for one in plan.skipped} == {
        "c1": True,
        "c2": True,
    }


@pytest.mark.parametrize("pattern", ["c*", "Convolution", "c2"])
@pytest.mark.parametrize("kind", ["convolutions", "gains", "none gains"])
def test_a_rule_that_names_convolutions_is_followed(kind: str, pattern: str) -> None:
    plan = planned(net(kind), ("rank", f"{pattern}=3"))
    wanted = {"c2"} if pattern == "c2" else {"c1", "c2"}
    assert set(methods(plan)) == wanted
    assert {edit.options["rank"] for edit in plan.edits} == {3}
    others = {one.layer: one.reason for one in plan.skipped}
    assert set(others.values()) <= {"no rule selects it"}
    both = planned(net("gains"), ("rank", f"{pattern}=3"), ("energy", "0.9"))
    assert set(methods(both)) == wanted | {"ip"}


def test_the_form_is_the_one_that_computes_least() -> None:
    model = net("convolutions")
    forms = ("channel_svd", "spatial_svd", "input_svd")
    (rule,) = (("energy", "c2=0.95"),)
    alone = {name: planned(model, rule, method=name).edits for name in forms}
    macs = {name: edits[0].predicted.macs.after for name, edits in alone.items() if edits}
    (chosen,) = planned(model, rule).edits
    assert chosen.predicted.macs.after == min(macs.values())
    assert chosen == alone[chosen.method][0]


def test_a_layer_that_is_named_and_cannot_gain_is_refused() -> None:
    with pytest.raises(PlanError, match=r"'c1': .* does not make its 12x4x3x3 weights smaller"):
        planned(net("convolutions"), ("rank", "c1=1.0"))
    with pytest.raises(PlanError, match=r"selects no .* layer; those of this net are: c1, c2"):
        planned(net("convolutions"), ("rank", "fc=3"))
    with pytest.raises(PlanError, match=r"selects no .* layer"):
        planned(net("deconvolution"), ("rank", "up=3"))


def test_options_choose_among_the_forms() -> None:
    plan = planned(net("convolutions"), ("energy", "0.9"), options={"fit": "none"})
    assert set(methods(plan).values()) == {"channel_svd"}
    with pytest.raises(PlanError, match="has no option 'wishful'"):
        planned(net("convolutions"), ("energy", "0.9"), options={"wishful": 1})


def test_a_method_that_is_named_is_the_only_one() -> None:
    assert not planned(net("convolutions"), ("energy", "0.9"), method="svd").edits
    made = planned(net("gains"), ("energy", "0.9"), method="channel_svd")
    assert set(methods(made).values()) == {"channel_svd"}


def test_what_is_chosen_is_proved(engine: str, tmp_path: Path) -> None:
    model = net("deconvolution")
    plan = planned(model, ("energy", "0.9"))
    done = write_proved(model, plan, tmp_path, Proof(engine=engine_named(engine), count=4))
    assert done.equality is not None
    assert not done.reasons
    assert done.costs[1].macs < done.costs[0].macs
