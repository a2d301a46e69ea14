"""Targets with places follow the views of pictures, place by place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
from small_models import make_model

from netsurgery.calibration import Inputs
from netsurgery.errors import RequestError
from netsurgery.formats import Prototxt
from netsurgery.network import Model
from netsurgery.training import (
    Augmentation,
    Feed,
    TuningSettings,
    ViewBank,
    ZoomedViews,
    plain_samples,
    tune,
)
from netsurgery.training.aims import objectives_of, with_given
from netsurgery.training.given import GivenTargets
from netsurgery.training.maps import sample_shapes
from netsurgery.training.training_net import training_net

SIDE, CUT = 9, 6


def places(count: int = 6, scale: int = 1, channels: int = 1) -> np.ndarray:
    """Maps of which no two numbers are the same, in any picture: a place is known by its number."""
    size = scale * SIDE
    return np.arange(count * channels * size * size, dtype=np.float32).reshape(
        count, channels, size, size
    )


def enlarged(maps: np.ndarray, scale: int) -> np.ndarray:
    return maps.repeat(scale, axis=-2).repeat(scale, axis=-1)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(mirror=True, crop=(CUT, CUT)),
        Augmentation(crop=(CUT, CUT - 1)),
        Augmentation(mirror=True),
    ],
)
def test_a_map_shows_what_its_picture_shows(scale: int, augmentation: Augmentation) -> None:
    """A map is its picture enlarged, and so it is of each view of both."""
    pictures = places()
    maps = enlarged(pictures, scale)
    flat = maps[:, 0]  # as labels of a segmentation are, without an axis of channels
    inputs = Inputs({"data": pictures}, targets={"map": maps, "flat": flat})
    bank = ViewBank(inputs, augmentation, 8)
    numbers = np.random.RandomState(3).permutation(len(bank))
    targets = GivenTargets({"map": None, "flat": None}, bank)
    views = enlarged(np.asarray(bank.as_inputs().arrays["data"][:])[numbers], scale)
    assert np.array_equal(targets.rows("given:map", numbers), views)
    assert np.array_equal(targets.rows("given:flat", numbers), views[:, 0])
    assert len({view.tobytes() for view in views}) > len(inputs)
    shapes = sample_shapes(inputs, augmentation)
    assert (shapes["map"], shapes["flat"]) == (views.shape[1:], views.shape[2:])


def test_what_judges_is_cut_out_of_the_centre_of_both() -> None:
    inputs = Inputs({"data": places()}, targets={"map": places(), "age": np.arange(6)})
    plain = plain_samples(inputs, Augmentation(mirror=True, crop=(CUT, CUT)))
    assert plain.targets["map"].shape == (6, 1, CUT, CUT)
    assert np.array_equal(plain.targets["map"][2:4], plain.arrays["data"][2:4])
    assert plain.targets["age"] is inputs.targets["age"]
    assert plain_samples(inputs, Augmentation(mirror=True)) is inputs


def test_an_input_that_is_to_be_made_again_is_compared_as_it_is_fed() -> None:
    """By any view: it is the view."""
    inputs = Inputs({"data": places()})
    for augmentation in (Augmentation(True, (5, 4)), Augmentation(shift=2), ZoomedViews(zoom=0.5)):
        bank = ViewBank(inputs, augmentation, 3)
        found = GivenTargets({"data": None}, bank).rows("given:data", np.arange(len(bank)))
        assert np.array_equal(found, bank.as_inputs().arrays["data"][:])


NET = """
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 1 dim: 6 dim: 6 } } }
layer { name: "out" type: "Convolution" bottom: "data" top: "out"
        convolution_param { num_output: 1 kernel_size: 1 } }
"""
POINTS = """
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 1 dim: 6 dim: 6 } } }
layer { name: "out" type: "InnerProduct" bottom: "data" top: "out"
        inner_product_param { num_output: 10 } }
"""
SEGMENTS = NET.replace("num_output: 1", "num_output: 3")
TRAIN_VAL = """
layer { name: "h" type: "HDF5Data" top: "data" top: "kinds"
        hdf5_data_param { source: "x" batch_size: 2 } }
layer { name: "out" type: "Convolution" bottom: "data" top: "out"
        convolution_param { num_output: 3 kernel_size: 1 } }
layer { name: "l" type: "SoftmaxWithLoss" bottom: "out" bottom: "kinds" top: "l" }
"""


def model(text: str = NET) -> Model:
    weights = np.ones((3 if text == SEGMENTS else 1, 1, 1, 1))
    blobs = {"out": [weights, np.zeros(len(weights))]} if text != POINTS else {}
    return make_model(text, blobs)


def settings(augmentation: Augmentation, **told: Any) -> TuningSettings:
    return TuningSettings(augmentation=augmentation, steps=30, batch=2, rate=1e-2, **told)


BOTH = Augmentation(mirror=True, crop=(CUT, CUT))
SMALL = places()[..., :CUT, :CUT]


@pytest.mark.parametrize(
    ("text", "target", "augmentation", "says"),
    [
        (
            NET,
            places().reshape(6, -1),
            BOTH,
            "'out' hold 81 for each input, and the net makes 1x6x6",
        ),
        (NET, SMALL.reshape(6, -1), Augmentation(True), "are 36 for a view, and 'out' has 6 x 6"),
        (NET, SMALL, BOTH, "'out' has 6 x 6 places for pictures of 9 x 9, of which"),
        (NET, places(scale=2), BOTH, "'out' hold 1x12x12 for each input, and the net makes 1x6x6"),
        (NET, SMALL, Augmentation(shift=1), "'out' has places, and `shift` shows what lies"),
        (NET, SMALL, ZoomedViews(zoom=0.5), "'out' has places, and `zoom` resizes pictures"),
        (POINTS, np.zeros((6, 5, 2)), Augmentation(True), "are 5 x 2 for a view, and 'out' has no"),
    ],
    ids=["flat", "flat, mirrored", "small", "large", "shift", "zoom", "no places"],
)
def test_targets_that_cannot_follow_are_refused(
    text: str, target: np.ndarray, augmentation: Augmentation, says: str
) -> None:
    pictures = SMALL if augmentation.crop is None else places()
    inputs = Inputs({"data": pictures}, targets={"out": target})
    with pytest.raises(RequestError, match=says):
        objectives_of(model(text), None, inputs, settings(augmentation))


def test_a_vector_is_the_same_for_all_views() -> None:
    inputs = Inputs({"data": SMALL}, targets={"out": np.zeros((6, 10))})
    (one,) = objectives_of(model(POINTS), None, inputs, settings(Augmentation(mirror=True)))
    assert one.roles == ("given:out",)


@pytest.mark.parametrize("train_val", [None, TRAIN_VAL])
def test_what_trains_is_fed_pairs_that_belong_together(train_val: Optional[str]) -> None:
    """Also where a user's own loss reads classes of places."""
    pictures = places()
    name, target = ("out", pictures) if train_val is None else ("kinds", pictures[:, 0] % 3)
    inputs = Inputs({"data": pictures}, targets={name: target})
    small = model(NET if train_val is None else SEGMENTS)
    text = None if train_val is None else Prototxt.parse(train_val.encode(), "train_val")
    told = settings(BOTH, train_val=text, views=5)
    objectives = objectives_of(small, None, inputs, told)
    shapes = sample_shapes(inputs, BOTH)
    net = training_net(small, objectives, batch=2, train_val=text, given=shapes)
    targets = with_given(net, objectives, inputs, told, None)
    feed = Feed(net, inputs, np.arange(6), batch=2, augmentation=BOTH, targets=targets)
    blobs = {role: blob for blob, role in net.fed.items()}
    for number in range(12):
        fed = feed.batch(number)
        data, truth = fed[blobs["data:data"]], fed[blobs[f"given:{name}"]]
        expected = data if train_val is None else (data % 3).reshape(truth.shape)
        assert np.array_equal(truth, expected)


def test_a_net_learns_maps_of_cut_and_mirrored_pictures(caffe: str, tmp_path: Path) -> None:
    """What is learned is the same at every place."""
    random = np.random.RandomState(5)
    pictures = random.normal(size=(40, 1, SIDE, SIDE)).astype(np.float32)
    inputs = Inputs({"data": pictures}, targets={"out": 3 * pictures - 1})
    done = tune(
        model(), None, inputs, replace(settings(BOTH), rate=0.3, steps=300, engine=caffe), tmp_path
    )
    (weight,), (bias,) = (blob.array().ravel() for blob in done.model.blobs("out"))
    # what the decay of weights leaves; of places drawn by chance only a mean could be learned
    assert (weight, bias) == (pytest.approx(3, abs=0.05), pytest.approx(-1, abs=0.05))
    assert done.trained.history[0].judged.loss > 0.1
    assert done.trained.history[-1].judged.loss < 1e-3
