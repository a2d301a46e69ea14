"""What a form loses of a layer's outputs, told from no more than there has to be."""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np
import pytest
from small_models import make_model

from netsurgery.budgets import Budget, BudgetRequest
from netsurgery.budgets.output import Output
from netsurgery.calibration import Calibrator, Inputs
from netsurgery.methods import low_rank_method

WIDE = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 24 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        inner_product_param { num_output: 5 } }
layer { name: "b" type: "InnerProduct" bottom: "data" top: "b"
        inner_product_param { num_output: 3 bias_term: false } }
"""


def losses(count: int, methods: Tuple[str, ...], engine: str) -> Tuple[List[np.ndarray], List[Any]]:
    """What both layers lose at each rank, and the moments that this was told from."""
    random = np.random.default_rng(0)
    shapes = {"a": [(5, 24), (5,)], "b": [(3, 24)]}
    blobs = {name: [random.normal(size=one) for one in all_] for name, all_ in shapes.items()}
    model = make_model(WIDE, blobs)
    inputs = Inputs({"data": random.normal(1, 1, (count, 24)).astype(np.float32)})
    seen: List[Any] = []

    class Watched(Calibrator):
        def learn(self, models: Any, observers: Any, run: Any = None) -> None:
            super().learn(models, observers, run)
            seen.extend(observers.values())

    calibrator, svd = Watched(inputs, engine), low_rank_method("svd")
    score = Output(calibrator, BudgetRequest(Budget(macs=0.5), methods=methods))
    with calibrator.sessions:
        found = [
            score.lost(model, svd, name, svd.tradeoff(model, name), [(1,), (2,), (3,)])
            for name in "ab"
        ]
    return found, [one.moments for one in seen]


def widths(moments: List[Any]) -> List[int]:
    return [one.half(centred=False).shape[-1] for one in moments]


def test_of_many_inputs_what_a_layer_makes_is_multiplied_not_what_it_reads(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, moments = losses(60, ("svd",), opencv)
    assert widths(moments) == [5, 3]
    monkeypatch.setattr(Output, "_is_read", lambda *_: True)
    by_reading, moments = losses(60, ("svd",), opencv)
    assert widths(moments) == [24, 24]
    # What is made is rounded to float32 where it is made, and the root of what is read.
    np.testing.assert_allclose(found, by_reading, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("count", "methods"), [(20, ("svd",)), (60, ("svd", "tensor_train"))])
def test_what_is_read_is_looked_at_where_rows_are_few_or_forms_need_it(
    count: int, methods: Tuple[str, ...], opencv: str
) -> None:
    assert widths(losses(count, methods, opencv)[1]) == [24, 24]
