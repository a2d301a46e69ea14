"""Plans of folds: every layer that can be taken up is, but for those to be kept."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import make_model

from netsurgery.network import Model
from netsurgery.planning.fold import plan_folds

CONVOLUTION = """layer { name: "%(name)s" type: "Convolution" bottom: "%(bottom)s" top: "%(name)s"
    convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "%(name)s_scale" type: "Scale" bottom: "%(name)s" top: "%(name)s"
    scale_param { bias_term: true } }
layer { name: "%(name)s_relu" type: "ReLU" bottom: "%(name)s" top: "%(name)s" }
"""


def chain(*names: str) -> Model:
    random, blobs = np.random.default_rng(0), {}
    text, bottom = 'input: "d" input_shape { dim: [1, 3, 4, 4] }\n', "d"
    for name in names:
        text += CONVOLUTION % {"name": name, "bottom": bottom}
        shapes = {name: ((3, 3, 1, 1), (3,)), f"{name}_scale": ((3,), (3,))}
        for layer, found in shapes.items():
            blobs[layer] = [random.normal(size=shape).astype("f4") for shape in found]
        bottom = name
    return make_model(text, blobs)


def test_each_product_takes_up_its_own() -> None:
    plan = plan_folds(chain("a", "b", "c"))
    assert [(edit.layer, edit.predicted.folds) for edit in plan.edits] == [
        (name, [f"{name}_scale"]) for name in "abc"
    ]
    assert plan.skipped == ()


@pytest.mark.parametrize("kept", ["a", "a_scale", "a*"])
def test_what_is_kept_keeps_its_own_and_no_other(kept: str) -> None:
    plan = plan_folds(chain("a", "b", "c"), [kept])
    assert [edit.layer for edit in plan.edits] == ["b", "c"]
    assert [(one.layer, one.reason) for one in plan.skipped] == [("a_scale", "kept on request")]
