"""A user's own training text, fed from outside: all its losses, and none that nobody can feed."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import numpy as np
import pytest
from caffe_solver import steps_of
from small_models import make_model

from netsurgery.engine import choose
from netsurgery.errors import EngineError, FormatError, NetworkError, RequestError
from netsurgery.formats import Prototxt
from netsurgery.layers import Value
from netsurgery.network import Model
from netsurgery.training import LabelObjective, TeacherValueObjective
from netsurgery.training.training_net import training_net

RANDOM = np.random.RandomState(5)
DEPLOY = """name: "two heads"
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 3 kernel_size: 2 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
        inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""
DATA = """name: "two heads"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
        transform_param { crop_size: 4 mean_value: 1 mean_value: 2 }
        data_param { source: "nowhere" batch_size: 9 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
        data_param { source: "nowhere" batch_size: 9 backend: LMDB } }
"""
OWN = """layer { name: "data" type: "AnnotatedData" top: "data" top: "label"
        data_param { source: "nowhere" batch_size: 9 } }
"""
BODY = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
        convolution_param { num_output: 3 kernel_size: 2 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "side" type: "InnerProduct" bottom: "conv" top: "side"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "side/loss" type: "SoftmaxWithLoss" bottom: "side" bottom: "label" top: "side/loss"
        loss_weight: 0.3 }  # as GoogLeNet's
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy"
        include { phase: TEST } }
"""
TRAIN_VAL = Prototxt.parse((DATA + BODY).encode(), "train_val.prototxt")
LABELS = [LabelObjective("labels", Value("ip"))]
TAUGHT = TeacherValueObjective("taught", Value("ip"))


def weights(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [RANDOM.normal(size=shape) for shape in shapes]


def model(**others: list[np.ndarray]) -> Model:
    own = {"conv": weights((3, 2, 2, 2), (3,)), "ip": weights((3, 27), (3,))}
    return make_model(DEPLOY, {**own, **others})


def fed(batch: int = 6) -> Dict[str, np.ndarray]:
    pictures = RANDOM.normal(size=(batch, 2, 4, 4)).astype(np.float32)
    targets = np.zeros((batch, 3))
    return {"data:data": pictures, "labels": np.arange(batch) % 3, "target:taught": targets}


def text(*replaced: tuple[str, str], data: str = DATA) -> Prototxt:
    whole = data + BODY
    for old, new in replaced:
        assert old in whole
        whole = whole.replace(old, new)
    return Prototxt.parse(whole.encode(), "train_val.prototxt")


def test_all_losses_train_with_their_factors(caffe_python: str, tmp_path: Path) -> None:
    small = model(side=weights((3, 27), (3,)))
    net = training_net(small, LABELS, batch=6, train_val=TRAIN_VAL)
    assert net.losses == pytest.approx({"side/loss": 0.3, "loss": 1.0})
    assert net.fed == {"data": "data:data", "label": "labels"}
    assert net.classes == 3
    found = steps_of(caffe_python, net, tmp_path, fed(), steps=30)
    assert found.losses[-1] < 0.8 * found.losses[0]
    assert found.moved(small) == {"conv": (0, 1), "side": (0, 1), "ip": (0, 1)}


def test_other_layers_keep_their_bytes() -> None:
    net = training_net(model(), LABELS, batch=6, train_val=TRAIN_VAL)
    for layer in TRAIN_VAL.layers[2:-1]:
        assert layer.text in net.train.data
    assert net.notes == ("the weights hold nothing for side: fillers start them",)
    assert net.trained == ("conv", "ip")


def test_right_classes_are_counted_for_the_loss_that_counts_most() -> None:
    net = training_net(model(), LABELS, batch=6, train_val=TRAIN_VAL)
    counted = net.train.layers[-1]
    assert (counted.type, counted.bottoms) == ("Accuracy", ("ip", "label"))
    assert net.accuracy == counted.tops[0]
    own = text(("include { phase: TEST } }\n", "}\n"), data=OWN.replace("AnnotatedData", "Data"))
    assert training_net(model(), LABELS, batch=6, train_val=own).accuracy == "accuracy"


def test_without_labels_losses_that_read_them_go(caffe_python: str, tmp_path: Path) -> None:
    small = model()
    net = training_net(small, [TAUGHT], batch=6, train_val=TRAIN_VAL)
    assert set(net.fed.values()) == {"data:data", "target:taught"}
    assert [layer.name for layer in net.train.layers][:4] == ["data", "conv", "relu", "ip"]
    assert (net.accuracy, net.classes) == (None, None)
    assert steps_of(caffe_python, net, tmp_path, fed()).moved(small) == {
        "conv": (0, 1),
        "ip": (0, 1),
    }


def test_labels_and_a_teacher_share_the_loss() -> None:
    half = LabelObjective("labels", Value("ip"), weight=0.5)
    net = training_net(model(), [half, TAUGHT], batch=6, train_val=TRAIN_VAL, share=0.5)
    own = {layer.name: list(layer.parameter.loss_weight) for layer in net.train.layers}
    assert own["loss"] == [0.5]
    assert own["side/loss"] == pytest.approx([0.15])
    assert net.losses["loss"] == 0.5
    assert len(net.losses) == 3


def test_a_loss_that_needs_no_labels_stays_without_them() -> None:
    rebuilt = text(
        ('bottom: "side" bottom: "label"', 'bottom: "side" bottom: "ip"'),
        ('"side/loss" type: "SoftmaxWithLoss"', '"side/loss" type: "EuclideanLoss"'),
    )
    late = rebuilt.replace_layers({5: b""}, {6: rebuilt.layers[5].text})
    net = training_net(model(), [TAUGHT], batch=6, train_val=late)
    assert "side/loss" in net.losses
    assert "loss" not in net.losses


def test_a_text_in_old_words_is_trained(caffe_python: str, tmp_path: Path) -> None:
    old = Prototxt.parse(
        b"""
layers { name: "data" type: DATA top: "data" top: "label" include: { phase: TRAIN }
         data_param { source: "nowhere" batch_size: 9 crop_size: 4 } }
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 blobs_lr: 2
         convolution_param { num_output: 3 kernel_size: 2 } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
layers { name: "ip" type: INNER_PRODUCT bottom: "conv" top: "ip"
         inner_product_param { num_output: 3 } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "ip" bottom: "label" }
layers { name: "accuracy" type: ACCURACY bottom: "ip" bottom: "label" top: "accuracy"
         include: { phase: TEST } }
"""
    )
    small = model()
    net = training_net(small, LABELS, batch=6, train_val=old)
    assert net.losses == {"loss_loss": 1.0}  # Caffe makes up a top of its own for it
    found = steps_of(caffe_python, net, tmp_path, fed())
    assert found.moved(small) == {"conv": (0, 1), "ip": (0, 1)}


def test_stages_are_those_of_the_solver() -> None:
    staged = text(("loss_weight: 0.3 }", 'loss_weight: 0.3 include { stage: "side" } }'))
    assert set(training_net(model(), LABELS, batch=6, train_val=staged).losses) == {"loss"}
    both = training_net(model(), LABELS, batch=6, train_val=staged, stages=["side"])
    assert set(both.losses) == {"side/loss", "loss"}
    assert b"stage" not in both.train.data


HDF5 = """layer { name: "hdf" type: "HDF5Data" top: "data" top: "label" top: "aim"
        hdf5_data_param { source: "nowhere" batch_size: 9 } }
"""


def test_targets_of_hdf5_data_are_fed_under_their_name(caffe_python: str, tmp_path: Path) -> None:
    aimed = text(
        (
            '"SoftmaxWithLoss" bottom: "side" bottom: "label"',
            '"EuclideanLoss" bottom: "side" bottom: "aim"',
        ),
        data=HDF5,
    )
    net = training_net(model(), LABELS, batch=6, train_val=aimed)
    assert net.fed == {"data": "data:data", "label": "labels", "aim": "given:aim"}
    given = {**fed(), "given:aim": np.ones((6, 3))}
    found = steps_of(caffe_python, net, tmp_path, given, steps=20)
    assert found.losses[-1] < found.losses[0]


def test_data_that_only_their_own_caffe_reads_stay_in_the_net() -> None:
    net = training_net(
        model(side=weights((3, 27), (3,))), LABELS, batch=6, train_val=text(data=OWN)
    )
    assert net.own_data
    assert net.fed == {}
    assert net.train.layers[0].text == OWN.encode().strip()
    assert "only their own Caffe reads the data of data (AnnotatedData)" in net.notes[0]


def test_two_sources_of_labels_are_fed_each_by_its_name() -> None:
    two = text(
        ('bottom: "side" bottom: "label"', 'bottom: "side" bottom: "two"'),
        data=HDF5.replace('"aim"', '"two"'),
    )
    shapes = {"label": (), "two": (1,)}
    net = training_net(model(), LABELS, batch=6, train_val=two, given=shapes)
    assert net.fed == {"data": "data:data", "label": "given:label", "two": "given:two"}
    with pytest.raises(FormatError, match="layer 'hdf': reads 'two', and no array of that name"):
        training_net(model(), LABELS, batch=6, train_val=two, given={"label": ()})


IMAGES = """layer { name: "one" type: "ImageData" top: "data" top: "kind"
        image_data_param { source: "nowhere" batch_size: 9 } }
layer { name: "two" type: "ImageData" top: "other" top: "label"
        image_data_param { source: "nowhere" batch_size: 9 } }
"""


def test_two_sources_of_pictures_go_where_their_names_say() -> None:
    used = DEPLOY.replace(
        'layer { name: "conv"',
        'layer { name: "in2" type: "Input" top: "other" '
        'input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 } } }\nlayer { name: "conv"',
    ).replace('bottom: "data" top: "conv"', 'bottom: "both" top: "conv"')
    joined = 'layer { name: "c" type: "Concat" bottom: "data" bottom: "other" top: "both" }\n'
    used = used.replace('layer { name: "conv"', joined + 'layer { name: "conv"')
    small = make_model(used, {"conv": weights((3, 4, 2, 2), (3,)), "ip": weights((3, 27), (3,))})
    pair = text(
        ('bottom: "data" top: "conv"', 'bottom: "both" top: "conv"'),
        ('layer { name: "conv"', joined + 'layer { name: "conv"'),
        data=IMAGES,
    )
    net = training_net(small, LABELS, batch=6, train_val=pair)
    assert net.fed == {"data": "data:data", "other": "data:other", "label": "labels"}


DUMMY = """layer { name: "dummy" type: "DummyData" top: "data" top: "label" dummy_data_param {
  shape { dim: 6 dim: 2 dim: 4 dim: 4 } shape { dim: 6 }
  data_filler { type: "gaussian" } data_filler { type: "constant" } } }
"""


def test_a_text_that_feeds_itself_is_fed_by_nobody(caffe_python: str, tmp_path: Path) -> None:
    small = model()
    net = training_net(small, LABELS, batch=6, train_val=text(data=DUMMY))
    assert (net.own_data, net.fed) == (True, {})
    assert steps_of(caffe_python, net, tmp_path, {}).moved(small)


def multibox() -> Prototxt:
    body = BODY.replace(
        '"SoftmaxWithLoss" bottom: "ip"', '"MultiBoxLoss" bottom: "side" bottom: "ip"'
    )
    return Prototxt.parse((OWN + body).encode(), "train.prototxt")


def test_a_loss_that_the_engine_lacks_is_named(caffe: str) -> None:
    engine = choose("caffe", [])
    with pytest.raises(EngineError, match="layer 'data': engine caffe has no AnnotatedData, Multi"):
        training_net(model(), LABELS, batch=6, train_val=multibox(), engine=engine)


@pytest.mark.parametrize(
    ("objectives", "given", "says"),
    [
        ([TAUGHT], text(data=OWN), "no teacher can be asked about them; train without this text"),
        (LABELS, Prototxt.parse(DEPLOY.encode(), "d"), "d has no loss; give labels"),
        ([TAUGHT], text(data=DUMMY), "feeds itself with numbers of its own, so that no teacher"),
        (
            [TeacherValueObjective("taught", Value("ip"))],
            text(('"ip"', '"fc"')),
            "layer 'ip': is not in the training text",
        ),
        (
            LABELS,
            text(data=HDF5.replace('"data" top', '"one" top: "two" top').replace("aim", "x")),
            "reads 'data', which no earlier layer",
        ),
    ],
)
def test_what_does_not_tell_enough_is_refused(objectives, given: Prototxt, says: str) -> None:
    with pytest.raises((FormatError, NetworkError, RequestError)) as caught:
        training_net(model(), objectives, batch=6, train_val=given)
    assert says in str(caught.value)
