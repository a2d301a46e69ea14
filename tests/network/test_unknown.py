"""Where a shape is not known, nothing is judged by it, and the first such layer is named."""

from __future__ import annotations

from typing import Dict, Tuple

import numpy as np
import pytest
from small_models import make_model

from netsurgery.budgets import BudgetRequest, plan_budget
from netsurgery.costs import Budget
from netsurgery.errors import NetworkError
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes
from netsurgery.network.unknown import known_costs, unknown_reason
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thinning import ThinSpec, plan_thin

INPUT = """layer { name: "d" type: "Input" top: "x"
        input_param { shape { dim: 1 dim: 3 dim: 6 dim: 6 } } }
"""
END = 'layer { name: "p" type: "TanH" bottom: "c2" top: "p" }\n'
UNKNOWN = 'layer { name: "u" type: "Mystery" bottom: "c1" top: "u" }\n'
FORK = """layer { name: "f" type: "Pooling" bottom: "c1" top: "u"
        pooling_param { kernel_size: 2 stride: 2 bin_size: 3 } }
"""


def convolution(name: str, bottom: str) -> str:
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        "convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }\n"
        f'layer {{ name: "{name}/relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
    )


BODY = convolution("c1", "x") + convolution("c2", "c1")
# The text, the layer that is named, and what is said of it.
NETS: Dict[str, Tuple[str, str, str]] = {
    "data of a fork": (
        'layer { name: "d" type: "DenseImageData" top: "x" }\n' + BODY + END,
        "'d'",
        "type DenseImageData and tells no shape of 'x'",
    ),
    "input without a shape": (
        'input: "x"\n' + BODY + END,
        "input 'x'",
        "declares no shape",
    ),
    "unknown type": (
        INPUT + convolution("c1", "x") + UNKNOWN + convolution("c2", "u") + END,
        "'u'",
        "nothing is known of its type Mystery",
    ),
    "field of a fork": (
        INPUT + convolution("c1", "x") + FORK + convolution("c2", "u") + END,
        "'f'",
        "fields of a fork that may change shapes (pooling_param.bin_size)",
    ),
}


def model_of(text: str) -> Model:
    random = np.random.default_rng(0)
    return make_model(
        text,
        {
            "c1": [random.normal(size=(8, 3, 3, 3)), random.normal(size=8)],
            "c2": [random.normal(size=(8, 8, 3, 3)), random.normal(size=8)],
        },
    )


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("currency", ["macs", "params", "bytes"])
def test_no_budget_is_judged(net: str, currency: str) -> None:
    text, layer, reason = NETS[net]
    model = model_of(text)
    with pytest.raises(NetworkError) as caught:
        plan_budget(model, BudgetRequest(Budget(**{currency: 0.5})))
    said = str(caught.value)
    assert layer in said
    assert reason in said
    assert "multiply-accumulates of '" in said
    if currency != "bytes":
        with pytest.raises(NetworkError, match="no budget is judged"):
            plan_thin(model, ThinSpec(budget=Budget(**{currency: 0.5})))


@pytest.mark.parametrize("net", NETS)
def test_no_total_is_given_where_a_part_is_not_known(net: str) -> None:
    model = model_of(NETS[net][0])
    totals = total_cost(model)
    assert totals.macs is None
    assert totals.params == 8 * 27 + 8 + 8 * 72 + 8  # the weights tell
    assert "c2" in totals.unknown


def test_rules_need_no_shapes() -> None:
    model = model_of(NETS["unknown type"][0])
    plan = plan_thin(model, ThinSpec([parse_rule("keep", "0.5")]))
    assert plan.edits == ()  # `u` may need each of its channels


def test_a_layer_without_weights_costs_nothing_whatever_its_type() -> None:
    """A detector of a fork ends in a layer that nobody knows."""
    text = INPUT + BODY + UNKNOWN.replace('"c1"', '"c2"')
    model = model_of(text)
    assert total_cost(model).macs == 36 * (8 * 27 + 8 * 72)
    assert len(known_costs(model)) == 6
    assert unknown_reason(model.network(), infer_shapes(model.network())).layer == "u"
    # Without the weights it may have some.
    assert total_cost(Model(model.prototxt)).macs is None


def test_a_layer_of_unknown_type_with_weights_may_compute_anything() -> None:
    text = INPUT + BODY + UNKNOWN.replace('"c1"', '"c2"')
    given = model_of(text)
    random = np.random.default_rng(0)
    model = make_model(text, {"c1": [], "c2": [], "u": [random.normal(size=(4, 4))]})
    layers = [*given.weights.layers, *model.weights.find("u")]
    model = Model(given.prototxt, type(given.weights).of(layers))
    assert total_cost(model).macs is None
    assert total_cost(model).params == 8 * 27 + 8 + 8 * 72 + 8 + 16
    with pytest.raises(NetworkError, match=r"'u': nothing is known of its type Mystery, so that"):
        known_costs(model)


def test_names_are_data() -> None:
    text = (
        'layer { name: "d{0}" type: "Own" top: "x{y}" }\n'
        + convolution("c1", "x{y}")
        + convolution("c2", "c1")
    )
    with pytest.raises(NetworkError, match=r"'d\{0\}': .* as in x\{y\}=1,3,224,224"):
        known_costs(model_of(text))
