"""Two models against each other, in real engines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from calibration_nets import CAPTIONER, declared, layer
from small_models import TWO_LAYERS, make_model, two_layers

from netsurgery.calibration import Inputs
from netsurgery.errors import EngineError, VerificationError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.model import Model
from netsurgery.verification import BlobComparison, Verification, save_golden, verify, verify_golden


def with_blobs(model: Model, name: str, *arrays: np.ndarray) -> Model:
    """The same model with other weights in one layer."""
    text = bytes(model.prototxt).decode()
    blobs = {each.name: [blob.array() for blob in each.blobs] for each in model.weights.layers}
    return make_model(text, {**blobs, name: list(arrays)})


def with_text(model: Model, old: str, new: str) -> Model:
    return Model(
        Prototxt.parse(bytes(model.prototxt).replace(old.encode(), new.encode())), model.weights
    )


def row(found: Verification, blob: str) -> BlobComparison:
    return next(row for row in found.blobs if row.blob == blob)


def test_a_model_equals_itself(engine: str) -> None:
    found = verify(two_layers(), two_layers(), engine=engine, expect="exact", blobs="common")
    assert found, found.reasons
    assert [row.blob for row in found.blobs] == ["fc6", "fc6@1", "fc7"]
    assert found.error == 0
    assert found.agreement is None  # nothing says that these numbers are scores of classes
    # Eight random samples, and four small ones.
    assert (found.engine, found.samples, found.unmatched) == (engine, 12, ())
    assert found.engine_version
    json.dumps(found.to_dict(), allow_nan=False)


def test_noise_is_what_float32_gives(engine: str) -> None:
    found = verify(two_layers(), two_layers(), engine=engine, blobs="common")
    for each in found.blobs:
        # Inputs moved by one unit in the last place, 2^-24 to 2^-23 of their size, arrive
        # through two well-conditioned layers: less than ten times that.
        assert 2**-26 < each.noise.error < 10 * 2**-23


def test_one_changed_weight_is_not_exact(opencv: str) -> None:
    weights, bias = (blob.array() for blob in two_layers().blobs("fc7"))
    changed = weights.copy()
    changed[3, 7] *= 1.01
    other = with_blobs(two_layers(), "fc7", changed, bias)
    found = verify(two_layers(), other, engine=opencv, expect="exact", blobs="common")
    assert not found
    assert [reason.split("'")[1] for reason in found.reasons] == ["fc7"]
    found = verify(two_layers(), other, engine=opencv)
    assert verify(
        two_layers(), other, engine=opencv, max_error=found.error, min_agreement=found.agreement
    )
    assert not verify(two_layers(), other, engine=opencv, max_error=0.99 * found.error)


def test_another_order_of_the_same_sums_is_exact(opencv: str) -> None:
    order = np.random.default_rng(0).permutation(32)
    (w6, b6), (w7, b7) = ([b.array() for b in two_layers().blobs(n)] for n in ("fc6", "fc7"))
    shuffled = with_blobs(
        with_blobs(two_layers(), "fc6", w6[order], b6[order]), "fc7", w7[:, order], b7
    )
    found = verify(two_layers(), shuffled, engine=opencv, expect="exact")
    assert found, found.reasons
    assert not verify(two_layers(), shuffled, engine=opencv, expect="exact", blobs="common")


def test_in_place_layers_do_not_hide_a_difference(engine: str) -> None:
    text = declared("data", 1, 2) + layer(
        "InnerProduct", "data", "fc", "inner_product_param { num_output: 2 }"
    )
    text += 'layer { name: "relu" type: "ReLU" bottom: "fc" top: "fc" }\n'
    text += layer("Power", "fc", "out", "power_param { scale: 2 }")
    weights = np.eye(2)
    original = make_model(text, {"fc": [weights, np.array([1, -500])]})
    other = make_model(text, {"fc": [weights, np.array([1, -600])]})
    inputs = Inputs({"data": np.random.default_rng(0).normal(size=(5, 2))})
    # The second unit is negative in both nets, and nothing of it passes the ReLU.
    assert verify(original, other, inputs=inputs, engine=engine, expect="exact")
    found = verify(original, other, inputs=inputs, engine=engine, expect="exact", blobs="common")
    assert not found
    assert row(found, "fc").max_difference == pytest.approx(100, rel=1e-6)
    assert row(found, "fc@1").error == 0
    assert [row.output for row in found.blobs] == [False, False, True]


def test_a_renamed_output_is_lost_and_compared(opencv: str) -> None:
    renamed = with_text(two_layers(), 'top: "fc7"', 'top: "scores"')
    found = verify(two_layers(), renamed, engine=opencv)
    assert found.reasons == ("output 'fc7' is called 'scores' in the second net",)
    assert found.error == 0


def test_nothing_in_common_fails(opencv: str) -> None:
    renamed = with_text(two_layers(), 'name: "fc7" type', 'name: "scores" type')
    renamed = with_text(renamed, 'top: "fc7"', 'top: "scores"')
    weights, bias = (blob.array() for blob in two_layers().blobs("fc7"))
    other = with_blobs(renamed, "scores", 2 * weights, bias)
    found = verify(two_layers(), other, engine=opencv)
    assert not found
    assert found.blobs == ()
    assert found.unmatched == ("fc7", "scores")
    assert found.reasons[0] == "output 'fc7' is gone in the second net"
    assert "no output in common" in found.reasons[1]


def test_a_net_that_lost_an_output_fails(engine: str) -> None:
    side = layer("InnerProduct", "fc6", "side", "inner_product_param { num_output: 3 }")
    text = bytes(two_layers().prototxt).decode()
    blobs = {
        each.name: [blob.array() for blob in each.blobs] for each in two_layers().weights.layers
    }
    blobs["side"] = [np.ones((3, 32)), np.zeros(3)]
    whole = make_model(text + side, blobs)
    for expect in ("exact", "approx"):
        found = verify(whole, two_layers(), engine=engine, expect=expect)
        assert found.reasons == ("output 'side' is gone in the second net",)
        assert verify(two_layers(), whole, engine=engine, expect=expect)


def test_shapes_that_differ(opencv: str) -> None:
    wider = with_text(two_layers(), "num_output: 5", "num_output: 6")
    wider = with_blobs(wider, "fc7", np.zeros((6, 32)), np.zeros(6))
    found = verify(two_layers(), wider, engine=opencv)
    assert found.reasons == (
        "output 'fc7' has shape (8, 5) in the first net, (8, 6) in the second",
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value: float, opencv: str) -> None:
    weights, bias = (blob.array().copy() for blob in two_layers().blobs("fc7"))
    bias[2] = value
    found = verify(two_layers(), with_blobs(two_layers(), "fc7", weights, bias), engine=opencv)
    assert found.reasons == (
        "output 'fc7' holds values that are NaN or infinite: 0 in the first net, 8 in the second",
    )


def test_both_directions_tell_the_same(opencv: str) -> None:
    weights, bias = (blob.array() for blob in two_layers().blobs("fc7"))
    other = with_blobs(two_layers(), "fc7", weights + 0.1, bias)
    labels = np.arange(8) % 5
    inputs = Inputs({"data": np.random.default_rng(2).normal(size=(8, 3, 4, 4))}, labels)
    there = verify(two_layers(), other, inputs=inputs, engine=opencv)
    back = verify(other, two_layers(), inputs=inputs, engine=opencv)
    assert row(there, "fc7").max_difference == row(back, "fc7").max_difference
    assert row(there, "fc7").agreement == row(back, "fc7").agreement
    assert row(there, "fc7").cosine == pytest.approx(row(back, "fc7").cosine, rel=1e-12)
    assert there.accuracy.before == back.accuracy.after
    assert there.accuracy.after == back.accuracy.before


def test_permuted_classes_do_not_agree(opencv: str) -> None:
    weights, bias = (blob.array() for blob in two_layers().blobs("fc7"))
    permuted = with_blobs(two_layers(), "fc7", np.roll(weights, 1, 0), np.roll(bias, 1))
    found = verify(two_layers(), permuted, engine=opencv, min_agreement=0.9)
    # The best class is always one further: no sample agrees.
    assert found.agreement == 0
    assert found.reasons == ("outputs agree for 0.0000 of the samples, min_agreement is 0.9",)


def test_batches_change_nothing(opencv: str) -> None:
    data = np.random.default_rng(4).normal(size=(70, 3, 4, 4))
    weights, bias = (blob.array() for blob in two_layers().blobs("fc7"))
    other = with_blobs(two_layers(), "fc7", weights + 0.01, bias)
    # 64 and 6 samples in one net; two at a time, as declared, in the other.
    tied = with_text(
        other,
        'layer { name: "fc7"',
        layer("Reshape", "fc6", "same", "reshape_param { shape { dim: 2 dim: 32 } }")
        + 'layer { name: "fc7"',
    )
    found = [
        verify(two_layers(), each, inputs=Inputs({"data": data}), engine=opencv)
        for each in (other, tied)
    ]
    assert found[0].agreement == found[1].agreement
    assert found[0].error == pytest.approx(found[1].error, rel=1e-4)


def test_regions_of_interest(opencv: str) -> None:
    text = declared("data", 1, 3, 20, 30) + declared("rois", 1, 5)
    text += layer(
        "ROIPooling", "data rois", "pool", "roi_pooling_param { pooled_h: 2 pooled_w: 2 }"
    )
    text += layer("InnerProduct", "pool", "fc", "inner_product_param { num_output: 3 }")
    weights = np.random.default_rng(0).normal(size=(3, 12))
    original = make_model(text, {"fc": [weights, np.zeros(3)]})
    found = verify(original, original, engine=opencv, expect="exact", count=3)
    assert found, found.reasons
    assert row(found, "fc").largest > 0


LABELLED = Inputs({"data": np.zeros((3, 3, 4, 4))}, np.array([0, 1, 2]))


def test_labels_need_one_output_with_classes(opencv: str) -> None:
    two_heads = with_text(
        two_layers(), 'layer { name: "fc7"', layer("TanH", "fc6", "side") + 'layer { name: "fc7"'
    )
    with pytest.raises(
        VerificationError, match=r"one output of class scores; .* are for: side, fc7"
    ):
        verify(two_heads, two_heads, inputs=LABELLED, engine=opencv)
    found = verify(two_heads, two_heads, inputs=LABELLED, engine=opencv, output="fc7")
    assert found.accuracy.output == "fc7"
    with pytest.raises(VerificationError, match="class scores in 'fc6'"):
        verify(two_heads, two_heads, inputs=LABELLED, engine=opencv, output="fc6")
    with pytest.raises(VerificationError, match="accuracy needs labels"):
        verify(two_heads, two_heads, engine=opencv, output="fc7")


def test_labels_beyond_the_classes(opencv: str) -> None:
    inputs = Inputs(LABELLED.arrays, np.array([0, 1, 5]))
    with pytest.raises(
        VerificationError, match=r"shape \(3, 5\) has no place for 3 labels from 0 to 5"
    ):
        verify(two_layers(), two_layers(), inputs=inputs, engine=opencv)


def test_inputs_of_other_names(opencv: str) -> None:
    inputs = Inputs({"image": np.zeros((3, 3, 4, 4))})
    with pytest.raises(
        VerificationError, match=r"inputs are \['data'\], the samples are for \['image'\]"
    ):
        verify(two_layers(), two_layers(), inputs=inputs, engine=opencv)


def test_a_refused_model_is_named_by_its_own_file(caffe: str) -> None:
    broken = with_blobs(two_layers(), "fc7", np.zeros((4, 32)), np.zeros(4))
    broken = Model(Prototxt.parse(TWO_LAYERS.encode(), "mine/deploy.prototxt"), broken.weights)
    with pytest.raises(
        EngineError, match=r"^mine/deploy\.prototxt: (layer 'fc7': )?Caffe says"
    ) as caught:
        verify(two_layers(), broken, engine=caffe)
    assert "/tmp" not in str(caught.value)


def test_a_saturated_softmax_hides_nothing(opencv: str, tmp_path: Path) -> None:
    prob = layer("Softmax", "fc7", "prob")
    text = TWO_LAYERS + prob
    (w6, b6), (w7, b7) = ([b.array() for b in two_layers().blobs(n)] for n in ("fc6", "fc7"))
    sure = b7 + 1000 * np.eye(5)[0]
    original, other = (
        make_model(text, {"fc6": [w6, b6], "fc7": [w7 * factor, sure]}) for factor in (1, 1.1)
    )
    inputs = Inputs({"data": np.random.default_rng(0).normal(size=(4, 3, 4, 4))})
    assert verify(original, other, inputs=inputs, engine=opencv).error == 0
    found = verify(original, other, inputs=inputs, engine=opencv, expect="exact")
    assert [reason.split("'")[1] for reason in found.reasons] == ["fc7"]
    save_golden(original, tmp_path / "golden.npz", inputs=inputs, engine=opencv)
    assert verify_golden(other, tmp_path / "golden.npz", engine=opencv).error == 0
    found = verify_golden(other, tmp_path / "golden.npz", engine=opencv, expect="exact")
    assert [reason.split("'")[1] for reason in found.reasons] == ["fc7@0"]
    assert verify_golden(original, tmp_path / "golden.npz", engine=opencv, expect="exact")


def test_sequences_run_as_whole_blobs(caffe: str) -> None:
    random = np.random.default_rng(0)
    shapes = {"embedded": [(11, 6)], "lstm": [(16, 6), (16,), (16, 4)]}
    captioner = make_model(
        CAPTIONER, {name: [random.normal(size=s) for s in each] for name, each in shapes.items()}
    )
    found = verify(captioner, captioner, engine=caffe, expect="exact", blobs="common", count=3)
    assert found, found.reasons
    assert row(found, "lstm").largest > 0
    # Ids and marks are not moved: there is nothing real whose rounding could change.
    assert row(found, "lstm").noise.error == 0


V0 = """\
input: "data" input_dim: 1 input_dim: 1 input_dim: 4 input_dim: 4
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "pad" }
layers { layer { name: "conv" type: "conv" num_output: 2 kernelsize: 3 } bottom: "pad" top: "conv" }
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
"""


def test_v0_nets(engine: str) -> None:
    blobs = {"conv": [np.random.default_rng(0).normal(size=(2, 1, 3, 3)), np.zeros(2)]}
    old = make_model(V0, blobs)
    found = verify(old, old, engine=engine, expect="exact", blobs="common")
    assert found, found.reasons
    assert {row.blob for row in found.blobs} == {"conv", "conv@1"}


def silent_detector(sign: float) -> Model:
    """A detector that finds nothing, with all its boxes to one side or the other."""
    text = """input: "data" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4
    layer { name: "loc" type: "Convolution" bottom: "data" top: "loc"
      convolution_param { num_output: 4 kernel_size: 1 bias_term: false } }
    layer { name: "conf" type: "Convolution" bottom: "data" top: "conf"
      convolution_param { num_output: 2 kernel_size: 1 } }
    layer { name: "lp" type: "Permute" bottom: "loc" top: "lp"
      permute_param { order: 0 order: 2 order: 3 order: 1 } }
    layer { name: "lf" type: "Flatten" bottom: "lp" top: "lf" }
    layer { name: "cp" type: "Permute" bottom: "conf" top: "cp"
      permute_param { order: 0 order: 2 order: 3 order: 1 } }
    layer { name: "two" type: "Reshape" bottom: "cp" top: "two"
      reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }
    layer { name: "prob" type: "Softmax" bottom: "two" top: "prob" softmax_param { axis: 2 } }
    layer { name: "cf" type: "Flatten" bottom: "prob" top: "cf" }
    layer { name: "prior" type: "PriorBox" bottom: "loc" bottom: "data" top: "prior"
      prior_box_param { min_size: 2 variance: 0.1 } }
    layer { name: "found" type: "DetectionOutput" bottom: "lf" bottom: "cf" bottom: "prior"
      top: "found" detection_output_param { share_location: true
        num_classes: 2 background_label_id: 0
        nms_param { nms_threshold: 0.5 top_k: 9 } code_type: CENTER_SIZE keep_top_k: 9
        confidence_threshold: 0.5 } }"""
    weights = np.random.default_rng(0).normal(size=(4, 3, 1, 1))
    nothing = [np.zeros((2, 3, 1, 1)), np.array([30.0, -30.0])]
    return make_model(text, {"loc": [sign * weights], "conf": nothing})


def test_boxes_of_a_detector_that_finds_nothing_are_not_exact(opencv: str) -> None:
    one, other = silent_detector(1), silent_detector(-1)
    assert verify(one, one, engine=opencv, expect="exact")
    found = verify(one, other, engine=opencv, expect="exact")
    assert found.passed is False
    assert "'lf'" in " ".join(found.reasons)


@pytest.mark.parametrize("limit", [{"max_error": 0.1}, {"min_agreement": 0.9}])
def test_nothing_found_keeps_no_limit(limit: dict[str, float], opencv: str) -> None:
    found = verify(silent_detector(1), silent_detector(-1), engine=opencv, **limit)
    assert found.passed is None
    assert "finds nothing" in str(found.quality.outputs[0])


TOLD = """input: "data" input_shape { dim: [1, 6] }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 4 } }
layer { name: "out" type: "%s" bottom: "fc" top: "out" }"""


def told(kind: str, bias: float, shift: float = 0.0) -> Model:
    weights = np.random.default_rng(1).normal(size=(4, 6))
    return make_model(TOLD % kind, {"fc": [weights, bias + np.array([shift, 0, 0, 0])]})


def test_the_number_of_the_best_class_hides_no_difference(caffe: str) -> None:
    a = told("ArgMax", 0.0)
    assert verify(a, a, engine=caffe, expect="exact")
    assert verify(a, told("ArgMax", 0.0, 1e-3), engine=caffe, expect="exact").passed is False


def test_zeros_are_not_judged(opencv: str) -> None:
    data = np.random.default_rng(2).normal(size=(8, 6)).astype(np.float32)
    inputs = Inputs({"data": data})
    dead, other = told("ReLU", -1e3), told("ReLU", -2e3)
    found = verify(dead, other, inputs=inputs, engine=opencv)
    assert found.passed is None
    assert "all values of both nets are 0" in " ".join(found.quality.reasons)
