"""A layer fitted anew makes, from what it now reads, what the original made, or nearer to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line
from thin_nets import ErrorObserver

from netsurgery.calibration import Inputs, random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.errors import PlanError
from netsurgery.methods import Edit
from netsurgery.network import with_masks
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate
from netsurgery.verification import verify

NET = (
    declared("x", 2, 3, 7, 7)
    + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8")
    + line("ReLU", "r", ["a"], ["a"])
    + line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 8 group: 2 pad: 1 %s")
    + line("BatchNorm", "n", ["b"], ["b"])
    + line("ReLU", "s", ["b"], ["b"])
    + line("InnerProduct", "c", ["b"], ["c"], "inner_product_param { num_output: 6 transpose: 1 }")
    + line("InnerProduct", "d", ["c"], ["d"], "inner_product_param { num_output: 3 }")
)
EVERY = 10**6
"""Windows of each input: all there are."""

CUTS = (
    Edit("a", "thin", {"keep": [0, 1, 2, 4, 5, 6]}),
    Edit("b", "thin", {"keep": [0, 1, 2, 4, 6, 7]}),
)


def fitted(model: Model, inputs: Inputs, engine: Any, *layers: str, cuts: Any = CUTS) -> Surgery:
    edits = [Edit(name, "refit", {"ridge": 1e-8}) for name in layers]
    return operate(model, Plan((*cuts, *edits)), Calibrator(inputs, engine, places=EVERY))


def error(surgery: Surgery, inputs: Inputs, engine: Any, layer: str) -> float:
    observer = ErrorObserver(surgery.original, [layer], surgery.kept())
    Calibrator(inputs, engine, places=EVERY).run([surgery.original, surgery.model], [observer])
    return observer.relative


@pytest.mark.parametrize("bias", ["", "bias_term: false"])
def test_each_layer_in_turn_comes_nearer_to_the_original(quick_caffe, bias) -> None:
    model = with_random_weights(NET.replace("%s", bias), 1)
    inputs = random_inputs(model.network(), 60, 0)
    done = []
    for layer in ("b", "c", "d"):
        before = error(fitted(model, inputs, quick_caffe, *done), inputs, quick_caffe, layer)
        done.append(layer)
        surgery = fitted(model, inputs, quick_caffe, *done)
        after = error(surgery, inputs, quick_caffe, layer)
        # A ridge of 1e-8, and sums of float32.
        assert after <= before * (1 + 1e-4), layer
        proof = verify(
            surgery.twin(),
            surgery.model,
            expect="exact",
            blobs="common",
            kept=surgery.kept(),
            inputs=inputs,
            engine=quick_caffe,
        )
        assert proof, proof.reasons
    plain = operate(model, Plan(CUTS))
    assert error(surgery, inputs, quick_caffe, "d") < 0.9 * error(plain, inputs, quick_caffe, "d")


def test_what_masks_hold_at_zero_stays_there(quick_caffe) -> None:
    model = with_random_weights(NET.replace("%s", ""), 1)
    random = np.random.RandomState(3)
    shapes = {(name, 0): model.blobs(name)[0].shape for name in ("b", "c")}
    masks = {key: random.uniform(size=shape) < 0.6 for key, shape in shapes.items()}
    masked = with_masks(model, masks)
    inputs = random_inputs(model.network(), 60, 0)
    for layer in ("b", "c"):
        cut = fitted(masked, inputs, quick_caffe)
        done = fitted(masked, inputs, quick_caffe, layer)
        blob = done.model.blobs(layer)[0]
        assert np.array_equal(blob.mask, cut.model.blobs(layer)[0].mask)
        assert not blob.mask.all()
        assert blob.count_unmasked() == 0
        before = error(cut, inputs, quick_caffe, layer)
        assert error(done, inputs, quick_caffe, layer) < before


@pytest.mark.parametrize("edit", [Edit("c", "refit"), Edit("c", "svd", {"rank": 2, "fit": "data"})])
def test_a_bias_that_another_layer_has_too_is_not_fitted(edit, quick_caffe) -> None:
    dense = 'inner_product_param { num_output: 6 } param { } param { name: "shared" }'
    model = with_random_weights(
        declared("x", 2, 3, 7, 7)
        + line("InnerProduct", "c", ["x"], ["c"], dense)
        + line("InnerProduct", "d", ["x"], ["d"], dense),
        1,
    )
    inputs = random_inputs(model.network(), 20, 0)
    with pytest.raises(PlanError, match="'c': it shares its bias"):
        operate(model, Plan((edit,)), Calibrator(inputs, quick_caffe))


def test_where_nothing_was_cut_outputs_stay(quick_caffe) -> None:
    model = with_random_weights(NET.replace("%s", "bias_term: false"), 1)
    inputs = random_inputs(model.network(), 60, 0)
    surgery = fitted(model, inputs, quick_caffe, "a", "b", "c", "d", cuts=())
    # The Gram matrices' condition, up to 1e5, times the rounding of float32 inputs.
    assert error(surgery, inputs, quick_caffe, "d") < 1e-3


def test_a_constant_goes_into_the_mean_of_the_norm_behind(quick_caffe) -> None:
    """Channel 7 of "a" is constant, and "b" has no bias to take it over."""
    text = NET.replace("pad: 1 %s", "bias_term: false").replace("group: 2", "")
    model = with_random_weights(text, 1)
    weights, bias = (blob.array().copy() for blob in model.blobs("a"))
    weights[7], bias[7] = 0.0, 200.0
    assert model.weights
    (layer,) = model.weights.find("a")
    blobs = tuple(old.filled(new) for old, new in zip(layer.blobs, (weights, bias)))
    changed = {"a": [type(layer)("a", layer.type, blobs)]}
    model = Model(model.prototxt, model.weights.replace(changed))
    inputs = random_inputs(model.network(), 60, 0)
    cut = (Edit("a", "thin", {"keep": list(range(7))}),)
    plain = operate(model, Plan(cut))
    surgery = fitted(model, inputs, quick_caffe, "b", cuts=cut)
    assert error(plain, inputs, quick_caffe, "n") > 1e-2
    assert error(surgery, inputs, quick_caffe, "n") < 1e-3
    mean, _, factor = (blob.array() for blob in model.blobs("n"))
    shifted = surgery.model.blobs("n")[0].array()
    constant = 200.0 * model.blobs("b")[0].array()[:, 7].sum(axis=(1, 2))
    # The weights move too, by the ridge and by chance, and inputs are around a hundred.
    np.testing.assert_allclose(shifted, mean - factor * constant, rtol=1e-2, atol=1)


def test_channels_along_another_axis(quick_caffe) -> None:
    text = declared("x", 2, 5, 6)
    for name, bottom, count in (("a", "x", 8), ("b", "a", 6), ("c", "b", 3)):
        body = f"inner_product_param {{ num_output: {count} axis: 2 }}"
        text += line("InnerProduct", name, [bottom], [name], body)
    model = with_random_weights(text, 2)
    inputs = random_inputs(model.network(), 60, 0)
    cuts = (Edit("a", "thin", {"keep": [0, 1, 2, 3]}), Edit("b", "thin", {"keep": [1, 2, 4, 5]}))
    surgery = fitted(model, inputs, quick_caffe, "b", "c", cuts=cuts)
    plain = operate(model, Plan(cuts))
    for layer in ("b", "c"):
        after, before = (error(one, inputs, quick_caffe, layer) for one in (surgery, plain))
        assert after < before


@pytest.mark.parametrize(
    ("layer", "options", "problem"),
    [
        ("nothing", {}, "there is no such layer"),
        ("r", {}, "the weights hold no blobs for it"),
        ("n", {}, "it is of type BatchNorm; refit takes Convolution or InnerProduct"),
        ("a", {"ridge": -1}, "ridge -1 is neither"),
        ("a", {"ridge": "much"}, "ridge 'much' is neither"),
        ("a", {"rank": 1}, "has no option 'rank'"),
    ],
)
def test_wrong_edits_are_told_in_a_line(quick_caffe, layer, options, problem) -> None:
    model = with_random_weights(NET.replace("%s", ""))
    calibrator = Calibrator(random_inputs(model.network(), 4, 0), quick_caffe)
    with pytest.raises(PlanError, match=problem) as caught:
        operate(model, Plan((Edit(layer, "refit", options),)), calibrator)
    assert "\n" not in str(caught.value)


def test_without_inputs_nothing_is_fitted() -> None:
    with pytest.raises(PlanError, match=r"needs inputs to fit to.*`calibrate`"):
        operate(with_random_weights(NET.replace("%s", "")), Plan((Edit("a", "refit"),)))


def test_a_layer_that_the_original_does_not_have_is_told(quick_caffe) -> None:
    model = with_random_weights(NET.replace("%s", ""), 1)
    calibrator = Calibrator(random_inputs(model.network(), 4, 0), quick_caffe)
    plan = Plan((Edit("d", "svd", {"rank": 1}), Edit("d_L", "refit")))
    with pytest.raises(PlanError, match="the original has no layer"):
        operate(model, plan, calibrator)
