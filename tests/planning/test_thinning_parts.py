"""No planner empties a part that a Slice makes, however little the part weighs."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import line

from netsurgery.calibration import random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.costs import Budget
from netsurgery.criteria import CRITERIA, Criterion
from netsurgery.criteria.base import WEIGHTS, RemovalOrder
from netsurgery.errors import PlanError
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.methods import Edit
from netsurgery.network.channels import channel_groups
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.ranking import rank
from netsurgery.surgery import operate

START = declared("x", 1, 3, 6, 6)


def conv(name: str, bottom: str, outputs: int, more: str = "") -> str:
    body = f"convolution_param {{ kernel_size: 1 num_output: {outputs} {more} }}"
    return line("Convolution", name, [bottom], [name], body)


def cut(name: str, bottom: str, tops: str, *points: int) -> str:
    text = " ".join(f"slice_point: {point}" for point in points)
    return line("Slice", name, [bottom], tops.split(), f"slice_param {{ {text} }}")


def dense(name: str, *bottoms: str) -> str:
    return line("Concat", f"{name}_all", bottoms, [f"{name}_all"]) + line(
        "InnerProduct", name, [f"{name}_all"], [name], "inner_product_param { num_output: 4 }"
    )


NETS = {
    "dual path": START
    + conv("p", "x", 20)
    + cut("s", "p", "res narrow", 16)
    + conv("a", "res", 16)
    + line("Eltwise", "sum", ["res", "a"], ["sum"])
    + dense("fc", "sum", "narrow"),
    "even": START
    + conv("p", "x", 12)
    + cut("s", "p", "u v narrow")
    + dense("fc", "u", "v", "narrow"),
    "nested": START
    + conv("p", "x", 24)
    + cut("s", "p", "wide rest", 16)
    + cut("t", "rest", "middle narrow", 5)
    + conv("a", "narrow", 4)
    + dense("fc", "wide", "middle", "a"),
    "behind a Concat": START
    + conv("p", "x", 10)
    + conv("q", "x", 10)
    + line("Concat", "both", ["p", "q"], ["both"])
    # The middle holds a few channels of either.
    + cut("s", "both", "u narrow v", 7, 12)
    + dense("fc", "u", "narrow", "v"),
    "groups": START
    + conv("p", "x", 24, "group: 1")
    + conv("q", "p", 24, "group: 4")
    + cut("s", "q", "u narrow", 20)
    + dense("fc", "u", "narrow"),
    "across groups": START
    + conv("p", "x", 16)
    # Both groups of q read a few channels of the narrow part.
    + cut("s", "p", "u narrow v", 6, 10)
    + conv("q", "p", 8, "group: 2")
    + dense("fc", "u", "narrow", "v", "q"),
    "one channel": START
    + conv("p", "x", 9)
    + cut("s", "p", "u narrow", 8)
    + dense("fc", "u", "narrow"),
    "shuffled": START
    + conv("p", "x", 24)
    + line("ShuffleChannel", "h", ["p"], ["h"], "shuffle_channel_param { group: 2 }")
    + cut("s", "h", "u narrow", 20)
    + dense("fc", "u", "narrow"),
    "several readers": START
    + conv("p", "x", 16)
    + cut("s", "p", "u narrow", 12)
    + line("Split", "twice", ["narrow"], ["n1", "n2"])
    + conv("a", "n1", 6)
    + conv("b", "narrow", 6)
    + line("ReLU", "r", ["n2"], ["n3"])
    + dense("fc", "u", "a", "b", "n3"),
}
WAYS: Dict[str, Dict[str, Any]] = {
    "share": {"rules": [parse_rule("keep", "*=0.6")]},
    "least": {"rules": [parse_rule("keep", "*=0.01")]},
    "number": {"rules": [parse_rule("keep", "p=5")]},
    "width": {"width": 2},
    "multiple": {"rules": [parse_rule("keep", "*=0.2")], "multiple": 4},
    "macs": {"budget": Budget(macs=0.5)},
    "params": {"budget": Budget(params=0.5)},
}
WEIGHED = [name for name, one in sorted(CRITERIA.all().items()) if one.needs == WEIGHTS]


def weak(text: str) -> Model:
    """The net with next to nothing in the channels of its narrow part, and in what reads them."""
    model = with_random_weights(text, 3)
    assert model.weights
    changes = {}
    values = {value.blob: value for value in model.network().values}
    for group in channel_groups(model):
        narrow = [one.channels for one in group.values if one.value == values["narrow"]]
        for use in group.members if narrow else ():
            if use.axis or use.role == "reads":
                continue
            blob = model.blobs(use.layer.name)[use.blob]
            array = blob.array().copy()
            array[np.isin(use.channels, narrow[0][narrow[0] >= 0])] *= 1e-4
            (layer,) = model.weights.find(use.layer.name)
            blobs = list(changes.get(layer.name, [layer])[0].blobs)
            blobs[use.blob] = blob.filled(array)
            changes[layer.name] = [type(layer)(layer.name, layer.type, tuple(blobs))]
    return Model(model.prototxt, model.weights.replace(changes))


def planned(model: Model, way: str, name: str, calibrator: Optional[Calibrator] = None) -> Plan:
    """The plan; empty where a budget cannot be met, as may well be."""
    try:
        return plan_thin(model, ThinSpec(criterion=name, **WAYS[way]), calibrator)
    except PlanError as error:
        if "cannot be met" not in str(error):
            raise
        return Plan(())


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("name", WEIGHED)
def test_weights_alone_empty_no_part(net, name) -> None:
    model = weak(NETS[net])
    cut_some = 0
    for way in WAYS:
        plan = planned(model, way, name)
        thinned = operate(model, plan).model
        cut_some += any(len(edit.options["keep"]) for edit in plan.edits)
        for layer in thinned.network().layers:
            if layer.type == "Slice":
                points = list(layer.parameter.slice_param.slice_point)
                assert points == sorted(set(points)), way
    assert cut_some >= 5


@pytest.mark.parametrize("net", [net for net in NETS if net != "shuffled"])
def test_inputs_empty_no_part(quick_caffe, tmp_path, net) -> None:
    model = weak(NETS[net])
    calibrator = Calibrator(random_inputs(model.network(), 24, 1), quick_caffe)
    for way in ("least", "macs"):
        for name in ("surgeon", "activation"):
            operate(model, planned(model, way, name, calibrator), calibrator)
    plan = planned(model, "share", "surgeon", calibrator)
    done = write_proved(model, plan, tmp_path, Proof(engine=quick_caffe), calibrator=calibrator)
    assert done, done.reasons
    assert rank(model, ["surgeon", "l1"], calibrator).order("surgeon")


def test_by_hand_a_part_can_not_be_emptied() -> None:
    model = weak(NETS["dual path"])
    with pytest.raises(PlanError, match="narrow would be left without channels; keep one"):
        operate(model, Plan((Edit("p", "thin", {"keep": list(range(16))}),)))


def test_the_parts_of_a_group_are_told() -> None:
    def parts(net: str) -> Dict[str, Any]:
        return {g.name: g.parts for g in channel_groups(weak(NETS[net])) if g.parts}

    assert parts("dual path") == {"p": (tuple(range(16)), tuple(range(16, 20)))}
    # The last one is alone, and pinned; what is beside it has no other part.
    assert parts("one channel") == {"p": (tuple(range(8)),)}
    # 'rest' holds others, and says no more than they do.
    assert parts("nested") == {"p": (tuple(range(16)), tuple(range(16, 21)), tuple(range(21, 24)))}
    # Of 7 to 12, p has the first three.
    assert parts("behind a Concat") == {
        "p": (tuple(range(7)), (7, 8, 9)),
        "q": (tuple(range(2, 10)),),
    }


def test_a_criterion_of_another_package_empties_no_part(monkeypatch) -> None:
    class Ruthless(Criterion):
        name, needs, source = "ruthless", WEIGHTS, "a test"

        def scores(self, view):
            return np.arange(view.group.channels, 0.0, -1.0)

        def ranking(self, view):
            order = np.arange(view.group.channels)[::-1]
            return RemovalOrder(order, np.full(len(order), 1e-9))

    model = weak(NETS["dual path"])
    monkeypatch.setitem(CRITERIA._known, "ruthless", Ruthless())
    plan = plan_thin(model, ThinSpec(criterion="ruthless", budget=Budget(macs=0.3)))
    operate(model, plan)
