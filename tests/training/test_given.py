"""Targets of the user's own: what outputs should be, and what the losses of a text compare with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import numpy as np
import pytest
from caffe_solver import steps_of
from numpy_trainer import NumpyTrainer
from small_models import make_model

from netsurgery.calibration import Inputs
from netsurgery.errors import NetsurgeryError, RequestError
from netsurgery.formats import Prototxt
from netsurgery.layers import Value
from netsurgery.network import Model
from netsurgery.training import Augmentation, Tuned, TuningSettings, ViewBank, names_read, tune
from netsurgery.training.aims import objectives_of
from netsurgery.training.evaluation import measured
from netsurgery.training.given import GivenTargets, given_objectives, outputs_to_give
from netsurgery.training.objectives import (
    Given,
    GivenProbabilityObjective,
    GivenValueObjective,
    LabelObjective,
)
from netsurgery.training.own_objectives import own_objectives
from netsurgery.training.training_net import training_net

RANDOM = np.random.RandomState(7)
WEIGHTS = {"age": RANDOM.normal(size=(2, 4)), "has": RANDOM.normal(size=(3, 4))}
HEADS = """
layer { name: "age" type: "InnerProduct" bottom: "data" top: "age"
        inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "has" type: "InnerProduct" bottom: "data" top: "has"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
"""
INPUT = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 8 dim: 4 } } }
"""
SIGMOID = 'layer { name: "shares" type: "Sigmoid" bottom: "has" top: "shares" }'


def model(end: str = SIGMOID) -> Model:
    blobs = {name: [weights, np.zeros(len(weights))] for name, weights in WEIGHTS.items()}
    return make_model(INPUT + HEADS + end, blobs)


def points(count: int = 80, **targets: np.ndarray) -> Inputs:
    data = np.random.RandomState(2).normal(size=(count, 4)).astype(np.float32)
    return Inputs({"data": data}, targets=targets)


def ages(count: int = 80) -> np.ndarray:
    data = points(count).arrays["data"][:]
    return 10 + 3 * data[:, :2] - data[:, 2:]


def nines(count: int) -> np.ndarray:
    """Classes, of which some are 9, which is none."""
    return np.where(np.arange(count) % 4, np.arange(count) % 3, 9)


def made(inputs: Inputs, layer: str) -> np.ndarray:
    return np.asarray(inputs.arrays["data"][:]) @ WEIGHTS[layer].T


def test_outputs_are_held_against_targets_by_what_they_are() -> None:
    assert outputs_to_give(model()) == ("age", "shares")
    shares = (RANDOM.uniform(size=(80, 3)) > 0.5).astype(np.float32)
    age, has = given_objectives(model(), points(age=ages(), shares=shares))
    assert isinstance(age, GivenValueObjective)
    assert age.scale == pytest.approx(ages().std())
    assert age.roles == ("given:age",)
    assert isinstance(has, GivenProbabilityObjective)
    assert has.value == Value("has")  # before the Sigmoid
    classes = model('layer { name: "prob" type: "Softmax" bottom: "has" top: "prob" }')
    assert outputs_to_give(classes) == ("age",)


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ({"age": np.zeros((80, 3))}, "'age' hold 3 for each input, and the net makes 2 of it"),
        ({"age": np.zeros(80)}, "'age' hold one number for each input, and the net makes 2"),
        ({"shares": np.full((80, 3), 2.0)}, "'shares' are probabilities, and some are not"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets: Dict[str, np.ndarray], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        given_objectives(model(), points(**targets))


def tuned(folder: Path, inputs: Inputs, end: str = "", **settings: Any) -> Tuned:
    told: Dict[str, Any] = {"steps": 60, "batch": 8, "validate_every": 20, "rate": 0.05, **settings}
    small = make_model(
        INPUT + HEADS.partition('layer { name: "has"')[0] + end,
        {"age": [WEIGHTS["age"], np.zeros(2)]},
    )
    return tune(small, None, inputs, TuningSettings(engine=NumpyTrainer(), **told), folder)


def test_a_net_learns_targets_without_teacher_and_labels(tmp_path: Path) -> None:
    done = tuned(tmp_path / "a", points(age=ages()))
    first, *_, last = [one.judged.loss for one in done.trained.history]
    assert last < 0.1 * first
    again = tuned(tmp_path / "b", points(age=ages()))
    assert again.model.digest == done.model.digest
    with pytest.raises(NetsurgeryError, match="the states here belong to another run"):
        tuned(tmp_path / "a", points(age=ages() + 1))
    with pytest.raises(RequestError, match="there is nothing to learn from"):
        tuned(tmp_path / "c", points())


def test_targets_are_the_same_for_all_views() -> None:
    pictures = np.zeros((6, 1, 5, 5), np.float32)
    one = np.arange(6.0)
    inputs = Inputs({"data": pictures}, targets={"age": one})
    bank = ViewBank(inputs, Augmentation(mirror=True), 4)
    found = GivenTargets({"age": (1,)}, bank).rows("given:age", np.array([0, 3, 4, 23]))
    assert found.tolist() == [[0], [0], [1], [5]]
    with pytest.raises(RequestError, match="arrays holds no 'size', which a loss compares with"):
        GivenTargets({"size": None}, bank)


HDF5 = """
layer { name: "hdf" type: "HDF5Data" top: "data" TOPS
        hdf5_data_param { source: "nowhere" batch_size: 9 } }
"""


def text(tops: str, losses: str) -> Prototxt:
    named = " ".join(f'top: "{top}"' for top in tops.split())
    return Prototxt.parse((HDF5.replace("TOPS", named) + HEADS + losses).encode(), "train_val")


SQUARES = 'layer { name: "l" type: "EuclideanLoss" bottom: "age" bottom: "truth" top: "l" }'
SHARES = (
    'layer { name: "m" type: "SigmoidCrossEntropyLoss" bottom: "has" bottom: "flags" top: "m" '
    "loss_weight: 0.5 }"
)
CUT = """
layer { name: "cut" type: "Slice" bottom: "both" top: "first" top: "second"
        slice_param { axis: 1 slice_point: 1 } }
layer { name: "l" type: "SoftmaxWithLoss" bottom: "has" bottom: "second" top: "l"
        loss_param { ignore_label: 2 } }
layer { name: "m" type: "SoftmaxWithLoss" bottom: "age" bottom: "first" top: "m" loss_weight: 2 }
"""
TWO = """
layer { name: "l" type: "SoftmaxWithLoss" bottom: "has" bottom: "kind" top: "l" }
layer { name: "m" type: "SoftmaxWithLoss" bottom: "age" bottom: "side" top: "m" }
"""
HOLES = SHARES.replace("loss_weight", "loss_param { ignore_label: -1 %s } loss_weight")
KINDS = (
    'layer { name: "l" type: "SoftmaxWithLoss" bottom: "has" bottom: "kind" top: "l" loss_weight: 3'
    " loss_param { ignore_label: 9 %s } }"
)
SIDE = TWO.strip().splitlines()[1]
HALF = np.array([[1, 0, -1], [0, -1, -1], [1, 1, 0], [0, 0, -1], [1, 0, 1], [-1, -1, -1]])
MEANS = ["", "normalization: VALID", "normalization: FULL", "normalization: BATCH_SIZE"]
MEANS += ["normalize: true", "normalize: false"]
AUTO = 'layer { name: "l" type: "EuclideanLoss" bottom: "age" bottom: "pair" top: "l" }'


@pytest.mark.parametrize(
    ("train_val", "targets"),
    [
        (text("truth", SQUARES), {"truth": ages(6)}),
        (text("truth flags", SQUARES + SHARES), {"truth": ages(6), "flags": np.ones((6, 3))}),
        (text("both", CUT), {"both": np.array([[0, 2], [1, 1], [1, 0], [0, 2], [1, 1], [0, 0]])}),
        (text("kind side", TWO), {"kind": np.arange(6) % 3, "side": np.arange(6) % 2}),
        *((text("flags", HOLES % mean), {"flags": HALF}) for mean in MEANS),
        *(
            (text("kind side", KINDS % mean + SIDE), {"kind": nines(6), "side": np.arange(6) % 2})
            for mean in MEANS
        ),
    ],
    ids=[
        *("squares", "two kinds", "sliced labels", "two labels"),
        *(f"shares that are not known {mean}" for mean in MEANS),
        *(f"classes that are not known {mean}" for mean in MEANS),
    ],
)
def test_the_losses_of_a_text_are_judged_as_caffe_computes_them(
    caffe_python: str, tmp_path: Path, train_val: Prototxt, targets: Mapping[str, np.ndarray]
) -> None:
    small, inputs = model(""), points(6, **targets)
    names = names_read(small, train_val)
    assert set(names) == set(targets)
    shapes = {name: array.shape[1:] for name, array in targets.items()}
    objectives = own_objectives(small, train_val, shapes)
    net = training_net(small, objectives, batch=6, train_val=train_val, given=shapes)
    assert set(net.fed.values()) == {"data:data", *(f"given:{name}" for name in names)}
    rows = {f"given:{name}": np.float32(array) for name, array in targets.items()}
    found = steps_of(
        caffe_python, net, tmp_path, {**rows, "data:data": inputs.arrays["data"][:]}, steps=20
    )
    expected = 0.0
    for one in objectives:
        part = measured(one, made(inputs, one.value.blob), rows)
        expected += part.total / part.count
    # float32 against float64
    assert found.losses[0] == pytest.approx(expected, rel=1e-5)
    assert found.losses[-1] < found.losses[0]


def clouds_with(train_val: Prototxt, label: int, **settings: Any) -> Tuple[Inputs, TuningSettings]:
    """Inputs of which every fourth has this label, in place of its class."""
    inputs = points()
    best = made(inputs, "has").argmax(axis=1)
    labels = np.where(np.arange(80) % 4, best, label)
    return replace(inputs, labels=labels), TuningSettings(
        steps=4,
        batch=8,
        rate=1e-4,
        engine="caffe",
        train_val=train_val,
        **settings,
    )


def test_inputs_without_a_label_have_no_part_in_the_losses_of_a_text(
    caffe: str, tmp_path: Path
) -> None:
    """Caffe itself would read, and write, what stands in front of the scores in memory."""
    plain = text("kind", (KINDS % "").replace("ignore_label: 9", ""))
    done = [
        tune(model(""), None, inputs, settings, tmp_path / str(number))
        for number, (inputs, settings) in enumerate(
            [clouds_with(plain, -1), clouds_with(text("kind", KINDS % ""), 9)]
        )
    ]
    first, second = (one.trained.history for one in done)
    assert first.to_list() == second.to_list()
    assert first[0].judged.figures == {"accuracy": 1.0}
    # what is trained and what is kept aside are as hard
    assert first[-1].training_loss == pytest.approx(first[0].judged.loss, rel=0.5)


@pytest.mark.parametrize(
    ("loss", "label", "says"),
    [
        (KINDS % "", -1, "layer 'l': a SoftmaxWithLoss cannot pass over inputs whose label is -1"),
        (KINDS.replace("SoftmaxWithLoss", "HingeLoss") % "", -1, "a HingeLoss cannot pass over"),
        (KINDS % "", 7, "the label of input 1 is 7, and the net tells 3 classes apart"),
    ],
)
def test_labels_that_the_loss_of_a_text_cannot_read_are_refused(
    tmp_path: Path, loss: str, label: int, says: str
) -> None:
    inputs, settings = clouds_with(text("kind", loss), label)
    with pytest.raises(RequestError, match=says):
        tune(model(""), None, inputs, replace(settings, engine=NumpyTrainer()), tmp_path)


def test_of_several_losses_of_a_text_labels_are_for_that_which_counts_most() -> None:
    both = TWO.replace("side", "kind")
    inputs, settings = clouds_with(
        text("kind", both.replace('top: "m"', 'top: "m" loss_weight: 3')), 0
    )
    (objective,) = objectives_of(model(""), None, inputs, settings)
    assert (objective.value, objective.weight) == (Value("age"), 3.0)
    named = replace(settings, task_output="has")
    (objective,) = objectives_of(model(""), None, inputs, named)
    assert (objective.value, objective.weight) == (Value("has"), 1.0)


@pytest.mark.parametrize(
    ("loss", "axis"),
    [
        ('"SoftmaxWithLoss" softmax_param { axis: 2 }', 2),
        ('"InfogainLoss" infogain_loss_param { axis: 2 source: "h" }', 2),
        ('"InfogainLoss" infogain_loss_param { axis: -1 source: "h" }', 2),
        ('"InfogainLoss" infogain_loss_param { source: "h" } softmax_param { axis: 2 }', 1),
    ],
)
def test_a_loss_tells_along_which_axis_its_classes_are(loss: str, axis: int) -> None:
    """In the block of its own type."""
    back = (
        'layer { name: "back" type: "Reshape" bottom: "age" top: "back" '
        "reshape_param { shape { dim: 0 dim: 2 dim: 1 } } }"
    )
    end = f'layer {{ name: "l" type: {loss} bottom: "back" bottom: "kind" top: "l" }}'
    (one,) = own_objectives(model(back), text("kind", back + end), {"kind": (2,)})
    assert isinstance(one, LabelObjective)
    assert one.axis == axis


def test_what_a_loss_reads_is_told() -> None:
    sliced = own_objectives(model(""), text("both", CUT), {"both": (2,)})
    assert [one.roles for one in sliced] == [("given:both",)] * 2
    second, first = sliced
    assert isinstance(second, LabelObjective)
    assert isinstance(first, LabelObjective)
    assert (second.given, second.ignored) == (Given("both", (1, 2)), 2)
    assert (first.given, first.weight, first.ignored) == (Given("both", (0, 1)), 2.0, None)
    # A side head is not in the net that is used, and labels alone are no targets.
    alone = text("kind", TWO.partition('layer { name: "m"')[0])
    (one,) = own_objectives(model(""), alone, {})
    assert one.roles == ("labels",)
    side = make_model(INPUT + HEADS.partition('layer { name: "has"')[0], {})
    assert own_objectives(side, alone, {}) == ()


def test_a_net_that_makes_its_input_again_is_judged_by_that(tmp_path: Path) -> None:
    again = Prototxt.parse(
        b"""layer { name: "hdf" type: "HDF5Data" top: "data"
                    hdf5_data_param { source: "nowhere" batch_size: 9 } }
            layer { name: "back" type: "InnerProduct" bottom: "data" top: "back"
                    inner_product_param { num_output: 4 } }
            layer { name: "l" type: "EuclideanLoss" bottom: "back" bottom: "data" top: "l" }"""
    )
    small = make_model(
        INPUT + 'layer { name: "back" type: "InnerProduct" bottom: "data" top: "back" '
        "inner_product_param { num_output: 4 } }",
        {"back": [np.eye(4) / 2, np.zeros(4)]},
    )
    settings = TuningSettings(train_val=again)
    (objective,) = objectives_of(small, None, points(), settings)
    assert objective.roles == ("given:data",)
    rows = GivenTargets({"data": None}, ViewBank(points())).rows("given:data", np.arange(80))
    found = measured(objective, rows / 2, {"given:data": rows})
    assert found.total / found.count == pytest.approx(((rows / 2) ** 2).sum() / 160)


def test_labels_among_targets_are_classes_of_the_net(tmp_path: Path) -> None:
    wrong = np.array([[0, 5]] * 80)
    settings = {"train_val": text("both", CUT)}
    with pytest.raises(RequestError, match="both: the label of input 1 is 5, and the net tells 3"):
        tune(
            model(""),
            None,
            points(both=wrong),
            replace(TuningSettings(engine=NumpyTrainer()), **settings),
            tmp_path,
        )
