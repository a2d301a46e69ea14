"""Layers factored for what they made in the original, in a net rewritten before them."""

from __future__ import annotations

from typing import Any, Sequence, Tuple

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
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate
from netsurgery.verification import verify

NET = (
    declared("x", 50, 4, 7, 7)
    + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8 group: 2")
    + line("ReLU", "r", ["a"], ["a"])
    + line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 8 group: 2 pad: 1 %s")
    + line("ReLU", "s", ["b"], ["b"])
    + line("InnerProduct", "c", ["b"], ["c"], "inner_product_param { num_output: 6 transpose: 1 }")
    + line("InnerProduct", "d", ["c"], ["d"], "inner_product_param { num_output: 3 }")
)
EVERY = 10**6
"""Windows of each input: all there are."""

CUT = (Edit("a", "channel_svd", {"rank": 2}),)
ALL = ("asymmetric", "relu")


def net(bias: str = "", text: str = NET) -> Tuple[Model, Inputs]:
    model = with_random_weights(text.replace("%s", bias), 1)
    return model, random_inputs(model.network(), 100, 0)


def low_rank(layer: str, rank: int, fit: str, **options: Any) -> Edit:
    method = "svd" if layer in "cd" else "channel_svd"
    return Edit(layer, method, {"rank": rank, "fit": fit, **options})


def done(model: Model, inputs: Inputs, engine: Any, *edits: Edit) -> Surgery:
    return operate(model, Plan(edits), Calibrator(inputs, engine, places=EVERY))


def error(surgery: Surgery, inputs: Inputs, engine: Any, layer: str) -> float:
    observer = ErrorObserver(surgery.original, [layer], surgery.kept())
    Calibrator(inputs, engine, places=EVERY).run([surgery.original, surgery.model], [observer])
    return observer.relative


def blobs(surgery: Surgery, layers: Sequence[str]) -> np.ndarray:
    found = [blob.array().ravel() for name in layers for blob in surgery.model.blobs(name)]
    return np.concatenate(found)


@pytest.mark.parametrize("bias", ["", "bias_term: false"])
@pytest.mark.parametrize("layer", ["a", "b", "c"])
def test_where_nothing_changed_before_the_fit_is_that_to_data(quick_caffe, layer, bias) -> None:
    model, inputs = net(bias)
    pair = [f"{layer}_L", f"{layer}_U"]
    split = "sqrt" if layer == "c" else "first"
    one, other = (
        blobs(done(model, inputs, quick_caffe, low_rank(layer, 2, fit, split=split)), pair)
        for fit in ("asymmetric", "data")
    )
    # float32 outputs, and eigenvectors of their covariance
    assert np.allclose(one, other, atol=1e-3 * np.abs(other).max())


@pytest.mark.parametrize("fit", ALL)
@pytest.mark.parametrize("bias", ["", "bias_term: false"])
def test_a_fit_at_full_rank_is_exact(quick_caffe, fit, bias) -> None:
    model, inputs = net(bias)
    ranks = {"a": 4, "b": 4, "c": 6, "d": 3}
    edits = [low_rank(name, ranks[name], fit) for name in ("ab" if fit == "relu" else "abcd")]
    surgery = done(model, inputs, quick_caffe, *edits)
    # Each fit starts from float32 numbers that differ by rounding.
    assert error(surgery, inputs, quick_caffe, "d") < 1e-4


@pytest.mark.parametrize("before", [CUT, (Edit("a", "thin", {"keep": [0, 1, 2, 4, 5, 6]}),)])
@pytest.mark.parametrize("bias", ["", "bias_term: false"])
def test_behind_a_change_outputs_are_nearer_than_with_the_fit_to_data(
    quick_caffe, bias, before
) -> None:
    model, inputs = net(bias)
    for layer in ("b", "c"):
        data, asymmetric = (
            done(model, inputs, quick_caffe, *before, low_rank(layer, 2, fit))
            for fit in ("data", "asymmetric")
        )
        after, other = (error(one, inputs, quick_caffe, layer) for one in (asymmetric, data))
        assert after < other
    kept = asymmetric.kept()
    pair = asymmetric.twin(), asymmetric.model
    proof = verify(
        *pair, expect="exact", blobs="common", kept=kept, inputs=inputs, engine=quick_caffe
    )
    assert proof, proof.reasons


def test_a_refit_of_the_last_layer_adds_nothing(quick_caffe) -> None:
    """The pair is already the best for what it reads, so its second half is, too."""
    model, inputs = net()
    edits = (*CUT, low_rank("b", 2, "asymmetric"))
    plain = done(model, inputs, quick_caffe, *edits)
    again = done(model, inputs, quick_caffe, *edits, Edit("b_U", "refit"))
    after, before = (error(one, inputs, quick_caffe, "b") for one in (again, plain))
    # The ridges of both, 0.001 of the mean square of what they read.
    assert after == pytest.approx(before, rel=1e-3)


def test_a_layer_too_wide_is_fitted_to_its_own_outputs(quick_caffe, monkeypatch) -> None:
    model, inputs = net()
    windows = done(model, inputs, quick_caffe, *CUT, low_rank("b", 2, "asymmetric"))
    monkeypatch.setattr("netsurgery.methods.reconstruction.WIDEST", 1)
    wide = done(model, inputs, quick_caffe, *CUT, low_rank("b", 2, "asymmetric"))
    data = done(model, inputs, quick_caffe, *CUT, low_rank("b", 2, "data"))
    best, found, worst = (error(one, inputs, quick_caffe, "b") for one in (windows, wide, data))
    assert best < found < worst


def test_what_a_shortcut_lacks_is_made_up_for(quick_caffe) -> None:
    text = (
        declared("x", 50, 4, 7, 7)
        + line(
            "Convolution", "a", ["x"], ["a"], "convolution_param { num_output: 8 kernel_size: 1 }"
        )
        + line(
            "Convolution", "b", ["x"], ["b"], "convolution_param { num_output: 8 kernel_size: 1 }"
        )
        + line("Eltwise", "e", ["a", "b"], ["e"])
    )
    model, inputs = net(text=text)
    cut = Edit("a", "channel_svd", {"rank": 3})
    errors = [
        error(
            done(model, inputs, quick_caffe, cut, low_rank("b", 4, fit)), inputs, quick_caffe, "e"
        )
        for fit in ("data", "asymmetric")
    ]
    # "b" reads all that "a" reads, so that four channels are enough for their sum.
    assert errors[1] < 0.01 < errors[0]


SLOPED = "relu_param { negative_slope: 0.1 }"


@pytest.mark.parametrize(("bias", "slope"), [("", ""), ("", SLOPED), ("bias_term: false", "")])
def test_less_is_lost_behind_the_relu_than_without_regard_to_it(quick_caffe, bias, slope) -> None:
    head, tail = NET.split(line("ReLU", "s", ["b"], ["b"]))
    tail = tail.replace('bottom: "b"', 'bottom: "s"')
    model, inputs = net(bias, head + line("ReLU", "s", ["b"], ["s"], slope) + tail)
    linear, behind = (
        done(model, inputs, quick_caffe, *CUT, low_rank("b", 2, fit))
        for fit in ("asymmetric", "relu")
    )
    after, before = (error(one, inputs, quick_caffe, "s") for one in (behind, linear))
    # Every row is in the sample: were it not better there, it would be the linear one.
    assert after < before


def test_where_nothing_is_negative_the_relu_does_not_matter(quick_caffe) -> None:
    model, inputs = net()
    assert model.weights
    (layer,) = model.weights.find("b")
    bias = np.full(8, 1e4, np.float32)
    changed = type(layer)("b", layer.type, (layer.blobs[0], layer.blobs[1].filled(bias)))
    model = Model(model.prototxt, model.weights.replace({"b": [changed]}))
    linear, behind = (
        done(model, inputs, quick_caffe, low_rank("b", 2, fit)).twin().blobs("b")
        for fit in ("asymmetric", "relu")
    )
    for one, other in zip(linear, behind):
        assert np.allclose(one.array(), other.array(), rtol=1e-3, atol=1e-3)


def test_fits_that_cannot_be_are_told_in_a_line(quick_caffe) -> None:
    model, inputs = net()
    for layer, readers in (("c", "InnerProduct 'd'"), ("d", "no layer")):
        with pytest.raises(PlanError, match=f"it is read by {readers}.*give asymmetric as `fit`"):
            done(model, inputs, quick_caffe, low_rank(layer, 2, "relu"))
    with pytest.raises(PlanError, match=r"channel_svd needs inputs to fit to.*`calibrate`"):
        operate(model, Plan((low_rank("b", 2, "asymmetric"),)))
    shared = NET.replace('"d" type: "InnerProduct"', '"d" type: "InnerProduct" param { name: "w" }')
    assert shared != NET
    model, inputs = net(text=shared)
    with pytest.raises(PlanError, match="it shares its weights, and cannot be fitted alone"):
        done(model, inputs, quick_caffe, low_rank("d", 2, "asymmetric"))
