"""What was done to a deploy.prototxt is done again to the train_val.prototxt of the same net."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_models import TWO_LAYERS, make_model, two_layers

from netsurgery.errors import PlanError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.methods import Edit
from netsurgery.network import LayerKey, load
from netsurgery.planning import Plan
from netsurgery.surgery import operate, replay

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
PLAN = Plan(
    (
        Edit("conv1", "channel_svd", {"rank": 5}),
        Edit("conv2", "thin", {"keep": [*range(0, 32, 2)]}),
        Edit("conv2", "spatial_svd", {"rank": 7}),
        Edit("fc4", "svd", {"rank": 6}),
    )
)
TRAIN_VAL = """\
layer { name: "data" type: "DummyData" top: "data" include { phase: TRAIN }
        dummy_data_param { shape { dim: 8 dim: 3 dim: 4 dim: 4 } } }
layer { name: "data" type: "DummyData" top: "data" include { phase: TEST }
        dummy_data_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer { name: "label" type: "DummyData" top: "label"
        dummy_data_param { shape { dim: 8 } } include { phase: TRAIN } }
layer {
  name: "fc6"  # learns slowly
  type: "InnerProduct"
  bottom: "data"
  top: "fc6"
  param { lr_mult: 0.5 decay_mult: 3 }
  param { lr_mult: 7 decay_mult: 0 }
  inner_product_param {
    num_output: 32
    weight_filler { type: "xavier" }
    bias_filler { type: "constant" value: 0.25 }
  }
}
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7" include { phase: TEST }
        inner_product_param { num_output: 5 } }
layer { name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7" include { phase: TRAIN }
        param { lr_mult: 9 } inner_product_param { num_output: 5 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc7" bottom: "label" top: "loss"
        include { phase: TRAIN } }
"""
LOAD = """
import sys, caffe, numpy as np
deploy, train_val, weights = sys.argv[1:]
small = caffe.Net(deploy, caffe.TEST, weights=weights)
for phase in (caffe.TRAIN, caffe.TEST):
    net = caffe.Net(train_val, phase, weights=weights)
    for name, blobs in small.params.items():
        for own, other in zip(blobs, net.params[name]):
            assert own.data.shape == other.data.shape and (own.data == other.data).all(), name
    net.forward()
    if phase == caffe.TRAIN:
        net.backward()
    assert np.isfinite(net.blobs["loss"].data).all()
print("same")
"""


def without_files(text: bytes) -> bytes:
    """Data layers that read nothing, so that any machine builds the net."""
    for source, size in ((b"train.txt", b"64"), (b"held_out.txt", b"90")):
        start = text.index(b'hdf5_data_param {\n    source: "' + source)
        end = text.index(b"}", start) + 1
        shapes = b"shape { dim: %s dim: 1 dim: 8 dim: 8 } shape { dim: %s }" % (size, size)
        text = text[:start] + b"dummy_data_param { " + shapes + b" }" + text[end:]
    return text.replace(b"HDF5Data", b"DummyData")


def test_a_text_for_one_phase_alone_is_rewritten() -> None:
    """As SSD has it: another file is for TEST, and this one has no data layer there."""
    surgery = operate(two_layers(), Plan([Edit("fc6", "svd", {"rank": 4})]))
    data = b'name: "data" type: "Input" top: "data"'
    alone = surgery.original.prototxt.data.replace(data, data + b" include { phase: TRAIN }")
    assert alone != surgery.original.prototxt.data
    text = replay(surgery, Prototxt.parse(alone)).prototxt
    assert [layer.name for layer in text.layers[:3]] == ["data", "fc6_L", "fc6_U"]


def test_real_caffe_loads_the_new_weights_into_the_rewritten_train_val(
    tmp_path: Path, caffe_python: str
) -> None:
    model = load(DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
    surgery = operate(model, PLAN)
    text = without_files((DIGITS / "train_val.prototxt").read_bytes())
    done = replay(surgery, Prototxt.parse(text))
    pair = surgery.model.save(tmp_path)
    (tmp_path / "train_val.prototxt").write_bytes(done.prototxt.data)
    run = subprocess.run(
        [caffe_python, "-c", LOAD, pair[0], tmp_path / "train_val.prototxt", pair[1]],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.splitlines()[-1] == "same"
    assert done.absent == ()


def test_new_layers_take_over_what_that_text_says() -> None:
    surgery = operate(two_layers(), Plan((Edit("fc6", "svd", {"rank": 4}),)))
    given = Prototxt.parse(TRAIN_VAL.encode())
    done = replay(surgery, given).prototxt
    first, second = (layer for layer in done.layers if layer.name in ("fc6_L", "fc6_U"))
    assert [(one.lr_mult, one.decay_mult) for one in first.parameter.param] == [(0.5, 3)]
    assert [one.lr_mult for one in second.parameter.param] == [0.5, 7]
    assert first.parameter.inner_product_param.weight_filler.type == "xavier"
    assert second.parameter.inner_product_param.bias_filler.value == 0.25
    untouched = [layer.text for layer in given.layers if layer.name != "fc6"]
    assert [layer.text for layer in done.layers if not layer.name.startswith("fc6")] == untouched


def test_a_layer_written_out_for_each_phase_is_rewritten_in_both() -> None:
    surgery = operate(two_layers(), Plan((Edit("fc7", "svd", {"rank": 2}),)))
    done = replay(surgery, Prototxt.parse(TRAIN_VAL.encode())).prototxt
    found = [layer for layer in done.layers if layer.name.startswith("fc7")]
    phases = [LayerKey.of(layer, done).phases for layer in found]
    assert [layer.name for layer in found] == ["fc7_L", "fc7_U"] * 2
    assert phases == [{"TEST"}] * 2 + [{"TRAIN"}] * 2
    assert found[2].parameter.param[0].lr_mult == 9


def test_what_is_read_by_a_layer_of_that_text_alone_is_not_cut() -> None:
    model = two_layers()
    side = (
        'layer { name: "side" type: "InnerProduct" bottom: "fc6" top: "side"\n'
        "        inner_product_param { num_output: 2 } }\n"
    )
    held = make_model(
        TWO_LAYERS + side,
        {
            **{name: [blob.array() for blob in model.blobs(name)] for name in ("fc6", "fc7")},
            "side": [np.ones((2, 32)), np.ones(2)],
        },
    )
    surgery = operate(
        replace(model, weights=held.weights), Plan((Edit("fc6", "thin", {"keep": [1, 2, 3]}),))
    )
    with pytest.raises(PlanError, match="'side': would not take the new weights in phase TRAIN"):
        replay(surgery, Prototxt.parse((TRAIN_VAL + side).encode()))


def test_layers_that_are_not_there_are_named() -> None:
    surgery = operate(two_layers(), Plan((Edit("fc7", "svd", {"rank": 2}),)))
    text = TRAIN_VAL.replace('"fc7" type', '"new7" type')
    assert replay(surgery, Prototxt.parse(text.encode())).absent == ("fc7",)


def test_a_layer_of_another_type_is_refused() -> None:
    surgery = operate(two_layers(), Plan((Edit("fc6", "svd", {"rank": 2}),)))
    text = TRAIN_VAL.replace('"InnerProduct"\n', '"Convolution"\n')
    with pytest.raises(PlanError, match="'fc6': is of type Convolution here, and InnerProduct in"):
        replay(surgery, Prototxt.parse(text.encode()))


def test_steps_are_taken_back_to_the_very_bytes() -> None:
    model = two_layers()
    plan = Plan((Edit("fc6", "svd", {"rank": 4}), Edit("fc7", "thin", {"keep": [0]})))
    once = operate(model, Plan(plan.edits[:1]))
    done = operate(model, Plan((plan.edits[0], Edit("fc6_U", "svd", {"rank": 2}))))
    back = done.undone()
    assert back.model.prototxt.data == once.model.prototxt.data
    assert back.origins == once.origins
    whole = done.undone(2)
    assert whole.model is model
    assert whole.steps == ()
    with pytest.raises(PlanError, match="3 steps cannot be undone: there are 2"):
        done.undone(3)


def test_what_was_done_can_be_read() -> None:
    surgery = operate(
        two_layers(),
        Plan((Edit("fc6", "svd", {"rank": 4}), Edit("fc6_U", "thin", {"keep": [0, 1]}))),
    )
    told = surgery.describe()
    assert told[0] == {
        "method": "svd",
        "edit": "replace",
        "layer": "'fc6'",
        "by": [
            {"name": "fc6_L", "type": "InnerProduct", "bottom": ["data"], "top": ["fc6_L"]},
            {"name": "fc6_U", "type": "InnerProduct", "bottom": ["fc6_L"], "top": ["fc6"]},
        ],
    }
    assert told[2] == {
        "method": "thin",
        "edit": "set",
        "layer": "'fc6_U'",
        "fields": {"inner_product_param.num_output": 2},
    }
