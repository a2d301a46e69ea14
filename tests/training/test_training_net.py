"""A net with losses holds the layers of the user's net, and real Caffe's solver steps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict

import numpy as np
import pytest
from caffe_solver import QUICKLY, steps_of
from small_models import make_model

from netsurgery.errors import NetworkError, RequestError
from netsurgery.layers import Value
from netsurgery.network import Model
from netsurgery.training import (
    HintObjective,
    LabelObjective,
    TeacherValueObjective,
    label_objective,
)
from netsurgery.training.training_net import training_net

INPUT = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }\n'
PLAIN = f"""name: "plain"
{INPUT}
layer {{ name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1"
        inner_product_param {{ num_output: 5 }} }}
layer {{ name: "relu" type: "ReLU" bottom: "ip1" top: "ip1" }}
layer {{ name: "drop" type: "Dropout" bottom: "ip1" top: "ip1" include {{ phase: TEST }} }}
layer {{ name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
        param {{ lr_mult: 1 }} param {{ lr_mult: 2 decay_mult: 0 }}
        inner_product_param {{ num_output: 3 }} }}
layer {{ name: "prob" type: "Softmax" bottom: "ip2" top: "prob" }}
layer {{ name: "aside" type: "InnerProduct" bottom: "ip1" top: "aside"
        inner_product_param {{ num_output: 2 }} }}
"""
IP2 = Value("ip2")
RANDOM = np.random.RandomState(3)


def weights(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [RANDOM.normal(size=shape) for shape in shapes]


def plain(text: str = PLAIN, **others: list[np.ndarray]) -> Model:
    blobs = {
        "ip1": weights((5, 4), (5,)),
        "ip2": weights((3, 5), (3,)),
        "aside": weights((2, 5), (2,)),
    }
    return make_model(text, {**blobs, **others})


def fed(batch: int = 6) -> Dict[str, np.ndarray]:
    return {
        "data:data": RANDOM.normal(size=(batch, 4)).astype(np.float32),
        "labels": np.arange(batch) % 3,
    }


def test_losses_stand_behind_the_scores_and_all_else_goes() -> None:
    model = plain()
    net = training_net(model, [label_objective(model)], batch=6)
    assert [layer.name for layer in net.train.layers][:5] == ["data", "ip1", "relu", "drop", "ip2"]
    assert [layer.type for layer in net.train.layers][5:] == [
        "Input",
        "SoftmaxWithLoss",
        "Accuracy",
    ]
    assert net.train.layers[0].parameter.input_param.shape[0].dim == [6, 4]
    assert not any(layer.parameter.include for layer in net.train.layers)
    assert sorted(net.fed.values()) == ["data:data", "labels"]
    assert list(net.losses.values()) == [1.0]
    assert net.trained == ("ip1", "ip2")
    assert net.notes == ("no loss depends on aside: they stay as they are",)


def test_caffes_solver_steps_it(caffe_python: str, tmp_path: Path) -> None:
    model = plain()
    net = training_net(model, [label_objective(model)], batch=6)
    found = steps_of(caffe_python, net, tmp_path, fed(), steps=40)
    assert found.losses[-1] < 0.7 * found.losses[0]
    assert found.moved(model) == {"ip1": (0, 1), "ip2": (0, 1)}


def test_nothing_is_dropped_where_a_teacher_alone_is_learned_from(
    caffe_python: str, tmp_path: Path
) -> None:
    """Then a net that answers as its teacher does has no loss, and moves nowhere."""
    model, arrays = plain(PLAIN.replace(" include { phase: TEST }", "")), fed()
    first, second = ([blob.array() for blob in model.blobs(name)] for name in ("ip1", "ip2"))
    hidden = np.maximum(arrays["data:data"] @ first[0].T + first[1], 0)
    arrays["target:v"] = (hidden @ second[0].T + second[1]).astype(np.float32)
    taught = TeacherValueObjective("v", IP2)
    net = training_net(model, [taught], batch=6)
    assert "drop drops nothing, as the teacher does not" in net.notes
    still = replace(QUICKLY, weight_decay=0.0)
    found = steps_of(caffe_python, net, tmp_path, arrays, settings=still)
    # Squares of rounding errors of float32 sums of order one.
    assert found.losses.max() < 1e-10
    both = training_net(model, [taught, label_objective(model)], batch=6)
    assert not any("drop" in note for note in both.notes)
    assert not any(layer.parameter.HasField("phase") for layer in both.train.layers)


def test_a_frozen_layer_stays_to_the_bit(caffe_python: str, tmp_path: Path) -> None:
    model = plain()
    net = training_net(model, [label_objective(model)], batch=6, frozen=["ip1"])
    assert net.trained == ("ip2",)
    found = steps_of(caffe_python, net, tmp_path, fed())
    assert found.moved(model) == {"ip2": (0, 1)}


def test_a_layer_that_trained_slowly_does_so_still() -> None:
    model = plain()
    net = training_net(model, [label_objective(model)], batch=6, frozen=["ip1"])
    given = {layer.name: layer.parameter.param for layer in net.train.layers}
    assert [one.lr_mult for one in given["ip1"]] == [0, 0]
    assert [(one.lr_mult, one.decay_mult) for one in given["ip2"]] == [(1, 1), (2, 0)]


SHARED = f"""{INPUT}
layer {{ name: "a" type: "InnerProduct" bottom: "data" top: "a"
        param {{ name: "w" lr_mult: 1 }} param {{ name: "b" }}
        inner_product_param {{ num_output: 4 }} }}
layer {{ name: "b" type: "InnerProduct" bottom: "a" top: "b"
        param {{ name: "w" lr_mult: 1 }} inner_product_param {{ num_output: 4 }} }}
layer {{ name: "prob" type: "Softmax" bottom: "b" top: "prob" }}
"""


def test_what_shares_a_frozen_blob_is_frozen_with_it(caffe_python: str, tmp_path: Path) -> None:
    """Caffe aborts where two layers say different multipliers of one blob."""
    matrix = weights((4, 4))
    model = make_model(SHARED, {"a": [*matrix, *weights((4,))], "b": [*matrix, *weights((4,))]})
    net = training_net(model, [label_objective(model)], batch=6, frozen=["a"])
    assert net.still == {("a", 0), ("a", 1), ("b", 0)}
    found = steps_of(caffe_python, net, tmp_path, {**fed(), "labels": np.arange(6) % 4})
    assert found.moved(model) == {"b": (1,)}


def test_a_layer_that_borrows_all_its_blobs_has_none_of_its_own_to_train() -> None:
    text = SHARED.replace(
        'param { name: "w" lr_mult: 1 } inner', 'param { name: "w" } param { name: "b" } inner'
    )
    blobs = [*weights((4, 4)), *weights((4,))]
    model = make_model(text, {"a": blobs, "b": blobs})
    assert training_net(model, [label_objective(model)], batch=6).trained == ("a",)


def test_a_value_that_is_overwritten_gets_a_blob_of_its_own(
    caffe_python: str, tmp_path: Path
) -> None:
    model = plain()
    hint = HintObjective("hint", Value("ip1", 0))
    net = training_net(model, [label_objective(model), hint], batch=6)
    kept = {layer.name: layer.tops for layer in net.train.layers}
    assert kept["ip1"] != kept["relu"]
    before = np.maximum(fed()["data:data"], 0)  # any numbers of one sign and scale
    target = np.tile(before.sum(axis=1, keepdims=True), 5) - 3
    found = steps_of(caffe_python, net, tmp_path, {**fed(), "target:hint": target}, steps=40)
    assert found.losses[-1] < found.losses[0]


def test_nets_in_old_words_are_brought_up(caffe_python: str, tmp_path: Path) -> None:
    old = """
input: "data" input_dim: 1 input_dim: 4 input_dim: 1 input_dim: 1
layers { name: "ip1" type: INNER_PRODUCT bottom: "data" top: "ip1"
         inner_product_param { num_output: 5 } blobs_lr: 1 blobs_lr: 0 }
layers { name: "relu" type: RELU bottom: "ip1" top: "ip1" }
layers { name: "ip2" type: INNER_PRODUCT bottom: "ip1" top: "ip2"
         inner_product_param { num_output: 3 } }
layers { name: "prob" type: SOFTMAX bottom: "ip2" top: "prob" }
"""
    model = plain(old)
    net = training_net(model, [label_objective(model)], batch=6)
    given = {**fed(), "data:data": fed()["data:data"].reshape(6, 4, 1, 1)}
    found = steps_of(caffe_python, net, tmp_path, given)
    assert found.moved(model) == {"ip1": (0,), "ip2": (0, 1)}


NORMALISED = """
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 3 dim: 3 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 3 kernel_size: 2 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
        inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


def normalised() -> Model:
    return make_model(
        NORMALISED,
        {
            "conv": weights((3, 2, 2, 2), (3,)),
            "bn": [np.array([1.0, 2, 3]), np.array([4.0, 5, 6]), np.array([2.0])],
            "scale": weights((3,), (3,)),
            "ip": weights((3, 12), (3,)),
        },
    )


def test_statistics_stay_and_scales_train(caffe_python: str, tmp_path: Path) -> None:
    model = normalised()
    net = training_net(model, [label_objective(model)], batch=6)
    assert net.notes == ("the statistics of 1 BatchNorm layer stay as they are",)
    given = {"data:data": RANDOM.normal(size=(6, 2, 3, 3)), "labels": np.arange(6) % 3}
    found = steps_of(caffe_python, net, tmp_path, given, steps=3)
    assert found.moved(model) == {"conv": (0, 1), "scale": (0, 1), "ip": (0, 1)}
    assert (
        found.losses[-1] < found.losses[0] < 100
    )  # the batch's would be NaN or huge in this Caffe


def test_what_a_frozen_layer_normalises_by_stays() -> None:
    model = normalised()
    net = training_net(
        model, [label_objective(model)], batch=6, batchnorm="update", frozen=["bn", "conv"]
    )
    (layer,) = (one for one in net.train.layers if one.name == "bn")
    assert layer.parameter.batch_norm_param.use_global_stats
    assert "bn" not in net.trained


TAIL = """
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 } } }
layer { name: "loc" type: "Convolution" bottom: "data" top: "loc"
        convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "conf" type: "Convolution" bottom: "data" top: "conf"
        convolution_param { num_output: 2 kernel_size: 1 } }
layer { name: "loc_perm" type: "Permute" bottom: "loc" top: "loc_perm"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_flat" type: "Flatten" bottom: "loc_perm" top: "loc_flat" }
layer { name: "conf_perm" type: "Permute" bottom: "conf" top: "conf_perm"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_flat" type: "Flatten" bottom: "conf_perm" top: "conf_flat" }
layer { name: "prior" type: "PriorBox" bottom: "loc" bottom: "data" top: "prior"
        prior_box_param { min_size: 2 } }
layer { name: "out" type: "DetectionOutput" bottom: "loc_flat" bottom: "conf_flat" bottom: "prior"
        top: "out" detection_output_param { num_classes: 2 } }
"""


def test_what_a_detector_chooses_with_is_cut_off(caffe_python: str, tmp_path: Path) -> None:
    """Real Caffe has no PriorBox and no DetectionOutput, and none is needed."""
    model = make_model(
        TAIL, {"loc": weights((4, 2, 1, 1), (4,)), "conf": weights((2, 2, 1, 1), (2,))}
    )
    objectives = [TeacherValueObjective(name, Value(f"{name}_flat")) for name in ("loc", "conf")]
    net = training_net(model, objectives, batch=3)
    assert not {layer.type for layer in net.train.layers} & {"PriorBox", "DetectionOutput"}
    given = {
        "data:data": RANDOM.normal(size=(3, 2, 4, 4)),
        "target:loc": np.zeros((3, 64)),
        "target:conf": np.ones((3, 32)),
    }
    found = steps_of(caffe_python, net, tmp_path, given, steps=5)
    assert found.losses[-1] < found.losses[0]
    assert set(found.moved(model)) == {"loc", "conf"}


def test_a_written_out_batch_is_opened() -> None:
    text = PLAIN.replace('"ip2" top: "prob"', '"shaped" top: "prob"') + (
        'layer { name: "shape" type: "Reshape" bottom: "ip2" top: "shaped"'
        " reshape_param { shape { dim: 1 dim: 3 } } }\n"
    )
    lines = text.splitlines(keepends=True)
    lines.insert(-3, lines.pop())
    model = plain("".join(lines))
    net = training_net(model, [label_objective(model)], batch=6)
    assert net.train.layers[0].parameter.input_param.shape[0].dim == [6, 4]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"objectives": []}, "nothing says what the net should come to; give labels, or a teacher"),
        ({"frozen": ["ip1", "ip2"]}, "nothing is left to train"),
        ({"objectives": [LabelObjective("labels", Value("nowhere"))]}, "the net has no value"),
        ({"batchnorm": "thawed"}, "`batchnorm` is one of frozen"),
    ],
)
def test_what_cannot_be_trained_is_refused(change: dict, says: str) -> None:
    given = {"objectives": [LabelObjective("labels", IP2)], "batch": 6, **change}
    with pytest.raises((RequestError, NetworkError)) as caught:
        training_net(plain(), **given)
    assert says in str(caught.value)


def test_a_net_that_mixes_samples_takes_its_own_batch_alone() -> None:
    text = PLAIN.replace('"Softmax"', '"Python" python_param { module: "m" layer: "l" }')
    model = plain(text)
    mixing = [LabelObjective("labels", Value("prob"))]
    shaped = replace(model, input_shapes={"data": (2, 4)})
    with pytest.raises(RequestError, match="this net takes 2 inputs at a time, and not 6; give 2"):
        training_net(shaped, mixing, batch=6)
