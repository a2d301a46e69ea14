"""What a rewritten net is trained by loads its weights in real Caffe, and its solver steps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from caffe_solver import run_solver
from small_models import decaying, make_model

from netsurgery.errors import PlanError
from netsurgery.formats import Prototxt, SolverText
from netsurgery.methods import Edit
from netsurgery.network import Model
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate
from netsurgery.training.twins import training_text, write_twins

h5py = pytest.importorskip("h5py")
RANDOM = np.random.RandomState(2)
INPUT = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 8 } } }\n'
BODY = """layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
  param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
  inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "fc" top: "fc" }
"""
IP = """layer { name: "ip" type: "InnerProduct" bottom: "fc" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""
DATA = """layer { name: "data" type: "HDF5Data" top: "data" top: "label" include { phase: TRAIN }
  hdf5_data_param { source: "list.txt" batch_size: 4 } }  # ours
"""
SIDE = """layer { name: "side" type: "InnerProduct" bottom: "fc" top: "side"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "side/loss" type: "SoftmaxWithLoss" bottom: "side" bottom: "label" top: "side/loss"
  loss_weight: 0.3 }
"""
LOSS = """layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
PROB = 'layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }\n'
TRAIN_VAL = Prototxt.parse((DATA + BODY + SIDE + IP + LOSS).encode(), "lenet/train_val.prototxt")
SOLVER = SolverText.parse(
    b'net: "lenet/train_val.prototxt"\nbase_lr: 0.1 # high\nlr_policy: "fixed"\nmomentum: 0.9\n'
    b'max_iter: 500\nsnapshot_prefix: "lenet/snap"\nsolver_mode: CPU\n',
    "lenet/solver.prototxt",
)


def small(end: str = PROB) -> Surgery:
    model = make_model(
        INPUT + BODY + IP + end,
        {
            "fc": [decaying(6, 8), RANDOM.normal(size=6)],
            "ip": [RANDOM.normal(size=(3, 6)), RANDOM.normal(size=3)],
        },
    )
    return operate(model, Plan([Edit("fc", "svd", {"rank": 2, "split": "sqrt"})]))


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_the_texts_of_the_user_train_the_new_net(caffe_python: str, tmp_path: Path) -> None:
    surgery = small()
    found = write_twins(surgery, TRAIN_VAL, SOLVER)
    assert list(found) == ["train_val.prototxt", "solver.prototxt"]
    write(tmp_path, found)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["data"] = RANDOM.normal(size=(4, 8)).astype(np.float32)
        file["label"] = np.arange(4, dtype=np.float32) % 3
    (tmp_path / "list.txt").write_text("data.h5\n")
    done = run_solver(caffe_python, tmp_path / "solver.prototxt", surgery.model.weights, 30)
    assert done.losses[-1] < done.losses[0]
    moved = done.moved(surgery.model)
    assert moved == {"fc_L": (0,), "fc_U": (0, 1), "ip": (0, 1)}


def test_data_and_loss_layers_keep_their_bytes() -> None:
    text = write_twins(small(), TRAIN_VAL, None)["train_val.prototxt"]
    for part in (DATA, SIDE, IP, LOSS):
        assert part.encode() in text
    given = {layer.name: layer.parameter for layer in Prototxt.parse(text).layers}
    assert [one.lr_mult for one in given["fc_U"].param] == [1, 2]
    assert given["fc_L"].inner_product_param.weight_filler.type == "xavier"


def test_the_solver_names_the_new_text_and_keeps_the_rest() -> None:
    found = write_twins(small(), TRAIN_VAL, SOLVER)["solver.prototxt"]
    assert found == (
        b'net: "train_val.prototxt"\nbase_lr: 0.01 # high\nlr_policy: "fixed"\nmomentum: 0.9\n'
        b'max_iter: 50\nsnapshot_prefix: "weights"\nsolver_mode: CPU\n'
        b"# For tuning, by netsurgery: a tenth of the rate and steps of solver.prototxt.\n"
    )


def test_nothing_is_written_where_nothing_is_given() -> None:
    assert write_twins(small(), None, None) == {}


def test_a_text_that_nobody_gave_is_built(caffe_python: str, tmp_path: Path) -> None:
    surgery = small()
    found = write_twins(surgery, None, SOLVER)
    write(tmp_path, found)
    text = found["train_val.prototxt"]
    assert text.startswith(b'# `netsurgery finetune` feeds these blobs: "data", "label".\n')
    fed = {"data": RANDOM.normal(size=(64, 8)), "label": np.arange(64) % 3}
    done = run_solver(caffe_python, tmp_path / "solver.prototxt", surgery.model.weights, 20, fed)
    assert done.losses[-1] < done.losses[0]


SIGMOID = 'layer { name: "yes" type: "Sigmoid" bottom: "ip" top: "yes" }\n'
NORM = 'layer { name: "abs" type: "AbsVal" bottom: "ip" top: "abs" }\n'


@pytest.mark.parametrize(
    ("end", "loss", "target"),
    [
        (PROB, "SoftmaxWithLoss", (64,)),
        (SIGMOID, "SigmoidCrossEntropyLoss", (64, 3)),
        (NORM, "EuclideanLoss", (64, 3)),
        ("", "EuclideanLoss", (64, 3)),
    ],
)
def test_the_loss_fits_what_the_output_is(end: str, loss: str, target: tuple) -> None:
    text = Prototxt.parse(training_text(small(end).model))
    losses = [layer for layer in text.layers if layer.type.endswith("Loss")]
    assert [layer.type for layer in losses] == [loss]
    fed = {layer.name: layer.parameter.input_param for layer in text.layers if not layer.bottoms}
    assert tuple(fed[losses[0].bottoms[1]].shape[0].dim) == target
    assert "Softmax" not in {layer.type for layer in text.layers}


def test_classes_at_places_get_a_label_each(caffe_python: str, tmp_path: Path) -> None:
    model = make_model(
        'layer { name: "in" type: "Input" top: "data"'
        " input_param { shape { dim: 1 dim: 2 dim: 3 dim: 4 } } }\n"
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"'
        " convolution_param { num_output: 5 kernel_size: 1 } }\n"
        'layer { name: "prob" type: "Softmax" bottom: "conv" top: "prob" }\n',
        {"conv": [RANDOM.normal(size=(5, 2, 1, 1)), np.zeros(5)]},
    )
    (tmp_path / "train_val.prototxt").write_bytes(training_text(model))
    (tmp_path / "solver.prototxt").write_bytes(SOLVER.changed({"net": "train_val.prototxt"}).data)
    fed = {"data": RANDOM.normal(size=(64, 2, 3, 4)), "label": np.ones((64, 3, 4))}
    done = run_solver(caffe_python, tmp_path / "solver.prototxt", model.weights, 3, fed)
    assert done.losses[-1] < done.losses[0]


DETECTOR = (
    INPUT.replace("dim: 8", "dim: 2 dim: 4 dim: 4")
    + """
layer { name: "loc" type: "Convolution" bottom: "data" top: "loc"
        convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "loc_flat" type: "Flatten" bottom: "loc" top: "loc_flat" }
layer { name: "conf" type: "Convolution" bottom: "data" top: "conf"
        convolution_param { num_output: 2 kernel_size: 1 } }
layer { name: "rows" type: "Reshape" bottom: "conf" top: "rows"
        reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }
layer { name: "softmax" type: "Softmax" bottom: "rows" top: "softmax" softmax_param { axis: 2 } }
layer { name: "conf_flat" type: "Flatten" bottom: "softmax" top: "conf_flat" }
layer { name: "prior" type: "PriorBox" bottom: "loc" bottom: "data" top: "prior"
        prior_box_param { min_size: 2 } }
layer { name: "out" type: "DetectionOutput" bottom: "loc_flat" bottom: "conf_flat" bottom: "prior"
        top: "out" detection_output_param { num_classes: 2 } }
"""
)


def test_a_detector_learns_boxes_and_a_class_for_each() -> None:
    shapes = {"loc": [(4, 2, 1, 1), (4,)], "conf": [(2, 2, 1, 1), (2,)]}
    model = make_model(
        DETECTOR, {name: [RANDOM.normal(size=one) for one in own] for name, own in shapes.items()}
    )
    text = Prototxt.parse(training_text(model))
    losses = {layer.bottoms[0]: layer for layer in text.layers if layer.type.endswith("Loss")}
    assert {blob: layer.type for blob, layer in losses.items()} == {
        "loc_flat": "EuclideanLoss",
        "rows": "SoftmaxWithLoss",
    }
    fed = {layer.name: layer.parameter.input_param for layer in text.layers if not layer.bottoms}
    assert tuple(fed[losses["rows"].bottoms[1]].shape[0].dim) == (64, 16)
    assert losses["rows"].parameter.softmax_param.axis == 2


def test_a_name_that_the_pair_has_is_not_taken_twice() -> None:
    surgery = small()
    named = Prototxt.parse(surgery.original.prototxt.data, "train_val.prototxt")
    own = operate(Model(named, surgery.original.weights), Plan([Edit("fc", "svd", {"rank": 2})]))
    assert list(write_twins(own, None, SOLVER)) == ["train_val_.prototxt", "solver.prototxt"]


def test_a_net_whose_outputs_have_no_shape_is_refused() -> None:
    odd = 'layer { name: "odd" type: "Odd" bottom: "ip" top: "odd" }\n'
    with pytest.raises(PlanError, match="the shape of 'odd' is not known; give the text"):
        training_text(small(odd).model)
