"""The contract of saliencies: all of ours keep it, and each check sees one that does not."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Iterator, Tuple

import numpy as np
import pytest
from quick_caffe import QuickCaffe

from netsurgery.network import Masks, ParameterKey
from netsurgery.saliency import SALIENCIES, PrunableNet
from netsurgery.saliency.magnitude import Magnitude
from netsurgery.testing import check_saliency, saliency_checks

OURS = SALIENCIES.all()
ON_WEIGHTS = [name for name in sorted(OURS) if OURS[name].needs == "weights"]


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{label}")
        for name in ON_WEIGHTS
        for label, check in saliency_checks(name)
    ],
)
def test_ours_that_look_at_weights_keep_the_contract(check: Callable[[], None]) -> None:
    check()


def test_obs_keeps_the_contract(quick_caffe: QuickCaffe) -> None:
    check_saliency("obs", quick_caffe)


@pytest.mark.usefixtures("caffe_python")
@pytest.mark.parametrize("name", ["obd", "taylor"])
def test_ours_that_look_at_gradients_keep_the_contract(name: str) -> None:
    check_saliency(name)


Scores = Dict[ParameterKey, np.ndarray]


class Wrong(Magnitude):
    """Right, but for what a test changes."""

    name = "wrong"


@pytest.fixture
def wrong() -> Iterator[Wrong]:
    """A saliency that is known while a test runs."""
    SALIENCIES.register("wrong")(Wrong)
    yield SALIENCIES.find("saliency", "wrong")  # type: ignore[misc]
    del SALIENCIES._known["wrong"]


def right(net: PrunableNet) -> Scores:
    return Magnitude().scores(net)


def left(net: PrunableNet, masks: Masks) -> Scores:
    return Magnitude().solve(net, masks)


def writing_into(net: PrunableNet, masks: Masks) -> Scores:
    solved = left(net, masks)
    for mask in masks.values():
        mask[...] = True
    return solved


RANDOM = np.random.RandomState(0)
FIRST = ("one", 0)
FAULTS: Dict[str, Tuple[str, Any]] = {
    "is another saliency": ("name", "magnitude"),
    "does not say where it comes from": ("source", ""),
    "needs 'labels'": ("needs", "labels"),
    "has no scores for": ("scores", lambda net: {FIRST: right(net)[FIRST]}),
    "are float32": ("scores", lambda net: {k: s.astype("f4") for k, s in right(net).items()}),
    "its weights": ("scores", lambda net: {k: s.ravel() for k, s in right(net).items()}),
    "no finite numbers": ("scores", lambda net: {k: s + np.inf for k, s in right(net).items()}),
    "below zero": ("scores", lambda net: {k: -s for k, s in right(net).items()}),
    "scores .* otherwise again": (
        "scores",
        lambda net: {k: RANDOM.random_sample(s.shape) for k, s in right(net).items()},
    ),
    "other weights of .* again": (
        "solve",
        lambda net, masks: {k: w * RANDOM.random_sample() for k, w in left(net, masks).items()},
    ),
    "changes the mask of": ("solve", writing_into),
    "where .* are masked": (
        "solve",
        lambda net, masks: {k: w for k, w in left(net, masks).items() if k == FIRST},
    ),
    "are float64, not float32": (
        "solve",
        lambda net, masks: {k: w.astype(float) for k, w in left(net, masks).items()},
    ),
    "closed weights of .* are not zero": (
        "solve",
        lambda net, masks: {k: net.weights(k) for k in masks},
    ),
    "only .* has a mask": (
        "solve",
        lambda net, masks: left(net, {k: masks.get(k, net.weights(k) > 0) for k in net.keys}),
    ),
    "nothing of .* is closed": (
        "solve",
        lambda net, masks: {k: w * np.float32(2) for k, w in left(net, masks).items()},
    ),
    "closed weights of .* rank": ("ranking", lambda net, together: right(net)),
    "needs weights alone, and says": ("scores", lambda net: net.require_calibrator() and {}),
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_fault_is_seen(said: str, wrong: Wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    attribute, value = FAULTS[said]
    monkeypatch.setattr(wrong, attribute, value)
    told = []
    for _, check in saliency_checks("wrong"):
        try:
            check()
        except Exception as error:
            told.append(str(error))
    assert any(re.search(said, one) for one in told), told


def test_one_that_does_without_its_inputs_is_seen(wrong: Wrong, quick_caffe: QuickCaffe) -> None:
    wrong.needs = "activations"  # type: ignore[misc]
    with pytest.raises(AssertionError, match="needs activations, and does without"):
        check_saliency("wrong", quick_caffe)


def test_a_right_one_has_nothing_to_fear(wrong: Wrong) -> None:
    check_saliency("wrong")
