"""Whether a saliency keeps the contract: a score for each weight, and weights under masks."""

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, List, Tuple

import numpy as np

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.criteria import ACTIVATIONS, GRADIENTS, WEIGHTS
from netsurgery.engine import EngineLike
from netsurgery.errors import NetsurgeryError
from netsurgery.network import Masks, ParameterKey, prunable
from netsurgery.saliency import PrunableNet, Saliency, saliency
from netsurgery.testing.methods import sample_model

Check = Tuple[str, Callable[[], None]]

_NOISE = 1e-4
"""Of the largest weight: float32 (2**-24), of which an answer may be the solution of a system whose
condition a ridge of 1e-3 limits."""

_GROUPED = (
    'layer { name: "one" type: "Convolution" bottom: "data" top: "one"\n'
    "        convolution_param { num_output: 8 kernel_size: 3 group: 2 } }"
)


def check_saliency(name: str, engine: EngineLike = None) -> None:
    """Hold a saliency to its contract.

    Args:
        name: Its name.
        engine: What runs inputs, for those that look at them; the first that can if None.

    Raises:
        AssertionError: It does not keep the contract; the text says where.
    """
    for _, check in saliency_checks(name, engine):
        check()


def saliency_checks(name: str, engine: EngineLike = None) -> List[Check]:
    """Return the checks of `check_saliency`, each under a name: for ``pytest.mark.parametrize``."""
    found = saliency(name)
    model = sample_model(_GROUPED)
    samples = np.random.RandomState(0).standard_normal((12, 6, 9, 9)).astype(np.float32)
    calibrator = None if found.needs == WEIGHTS else Calibrator(Inputs({"data": samples}), engine)
    net = PrunableNet(model, prunable(model), calibrator=calibrator)
    return [(check.__name__.lstrip("_"), partial(check, found, net)) for check in _CHECKS]


def _it_says_what_it_is(found: Saliency, net: PrunableNet) -> None:
    assert saliency(found.name) is found, f"{found.name!r} is another saliency"
    assert found.source, "it does not say where it comes from"
    words = (WEIGHTS, ACTIVATIONS, GRADIENTS)
    assert found.needs in words, f"it needs {found.needs!r}, which is none of {', '.join(words)}"


def _each_weight_has_a_score(found: Saliency, net: PrunableNet) -> None:
    scores = found.scores(net)
    for key in net.keys:
        assert key in scores, f"it has no scores for {key}"
        score, shape = scores[key], net.weights(key).shape
        assert score.dtype == np.float64, f"scores of {key} are {score.dtype}, not float64"
        assert score.shape == shape, f"scores of {key} are {score.shape}, its weights {shape}"
        assert np.isfinite(score).all(), f"scores of {key} are no finite numbers"
        assert (score >= 0).all(), f"scores of {key} are below zero"


def _it_does_the_same_again(found: Saliency, net: PrunableNet) -> None:
    first, second = found.scores(net), found.scores(net)
    for key in net.keys:
        assert np.array_equal(first[key], second[key]), f"it scores {key} otherwise again"
    masks = _half(net, first)
    solved, again = found.solve(net, masks), found.solve(net, masks)
    for key in net.keys:
        assert np.array_equal(solved[key], again[key]), f"it makes other weights of {key} again"


def _it_leaves_masks_alone(found: Saliency, net: PrunableNet) -> None:
    """Weights are safe: their arrays cannot be written to."""
    masks = _half(net, found.scores(net))
    given = {key: mask.copy() for key, mask in masks.items()}
    found.solve(net, given)
    closed = PrunableNet(net.model, net.keys, given, net.calibrator)
    found.ranking(closed, together=True)
    for key, mask in masks.items():
        assert np.array_equal(given[key], mask), f"it changes the mask of {key}"


def _closed_weights_stay_zero(found: Saliency, net: PrunableNet) -> None:
    masks = _half(net, found.scores(net))
    solved = found.solve(net, masks)
    assert set(solved) == set(masks), (
        f"it solves {sorted(solved)}, where {sorted(masks)} are masked"
    )
    for key, weights in solved.items():
        assert weights.dtype == np.float32, f"weights of {key} are {weights.dtype}, not float32"
        assert weights.shape == masks[key].shape, f"weights of {key} have another shape"
        assert np.isfinite(weights).all(), f"weights of {key} are no finite numbers"
        assert not weights[~masks[key]].any(), f"closed weights of {key} are not zero"


def _only_what_is_masked_is_solved(found: Saliency, net: PrunableNet) -> None:
    key = net.keys[0]
    mask = np.zeros(net.weights(key).shape, bool)
    mask.reshape(-1)[::2] = True
    solved = found.solve(net, {key: mask})
    assert list(solved) == [key], f"only {key} has a mask, and it solves {list(solved)}"


def _where_nothing_is_closed_nothing_changes(found: Saliency, net: PrunableNet) -> None:
    solved = found.solve(net, {key: np.ones(net.weights(key).shape, bool) for key in net.keys})
    for key, weights in solved.items():
        before = net.weights(key)
        apart = np.abs(weights - before).max() / np.abs(before).max()
        assert apart <= _NOISE, f"nothing of {key} is closed, and it moves by {apart}"


def _what_is_closed_goes_first(found: Saliency, net: PrunableNet) -> None:
    masks = _half(net, found.scores(net))
    closed = PrunableNet(net.model, net.keys, masks, net.calibrator)
    for together in (True, False):
        for key, score in found.ranking(closed, together).items():
            assert np.array_equal(score == -np.inf, ~masks[key]), f"closed weights of {key} rank"
            assert np.isfinite(score[masks[key]]).all(), f"free weights of {key} do not rank"


def _it_asks_for_inputs_where_it_needs_them(found: Saliency, net: PrunableNet) -> None:
    alone, told = PrunableNet(net.model, net.keys), ""
    try:
        found.scores(alone)
    except NetsurgeryError as error:
        told = str(error)
    if found.needs == WEIGHTS:
        assert not told, f"it needs weights alone, and says: {told}"
    else:
        assert told, f"it needs {found.needs}, and does without"
    assert "\n" not in told, f"its error has several lines: {told}"


def _half(net: PrunableNet, scores: Dict[ParameterKey, np.ndarray]) -> Masks:
    """The better half of each layer's weights."""
    return {key: scores[key] > np.median(scores[key]) for key in net.keys}


_CHECKS = (
    _it_says_what_it_is,
    _each_weight_has_a_score,
    _it_does_the_same_again,
    _it_leaves_masks_alone,
    _closed_weights_stay_zero,
    _only_what_is_masked_is_solved,
    _where_nothing_is_closed_nothing_changes,
    _what_is_closed_goes_first,
    _it_asks_for_inputs_where_it_needs_them,
)
