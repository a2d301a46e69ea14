"""Scores become masks, masks zeros; and what is written is held against both."""

from __future__ import annotations

from typing import Dict

import numpy as np
import pytest
from small_models import make_model, two_layers

from netsurgery.errors import PlanError
from netsurgery.linalg import Pattern
from netsurgery.network import Masks, Model, ParameterKey, prunable, sparsity_of
from netsurgery.progress import Event, Progress
from netsurgery.pruning import Masking, close_weights, layer_sparsities
from netsurgery.saliency import PrunableNet, Saliency, saliency
from netsurgery.verification import zero_faults

FC6, FC7 = ("fc6", 0), ("fc7", 0)


def masking(model: Model, **given: object) -> Masking:
    return Masking(saliency("magnitude"), prunable(model), **given)  # type: ignore[arg-type]


def test_the_least_weights_become_zero_and_the_others_stay_to_the_bit() -> None:
    model = two_layers()
    closed = close_weights(model, masking(model), 0.75)
    assert sparsity_of(closed.masks) == 0.75
    before = {key: model.blobs(key[0])[0].array() for key in (FC6, FC7)}
    least_left = min(np.abs(before[key][closed.masks[key]]).min() for key in before)
    most_gone = max(np.abs(before[key][~closed.masks[key]]).max() for key in before)
    assert most_gone <= least_left
    assert zero_faults(closed.model, closed.masks, model) == ()
    assert closed.model.blobs("fc6")[1] is model.blobs("fc6")[1]
    assert np.array_equal(closed.model.blobs("fc6")[0].mask, closed.masks[FC6])
    assert [(one.layer, one.weights) for one in layer_sparsities(closed.masks)] == [
        ("fc6", 1536),
        ("fc7", 160),
    ]


def test_what_is_closed_stays_closed_and_counts() -> None:
    model = two_layers()
    first = np.ones((32, 48), bool)
    first[:8] = False  # a quarter, which magnitude alone would not have chosen
    closed = close_weights(model, masking(model), 0.5, {FC6: first})
    assert not closed.masks[FC6][:8].any()
    assert sparsity_of(closed.masks) == 0.5


def test_masks_of_layers_that_are_not_to_close_stay() -> None:
    model = two_layers()
    held = np.arange(160).reshape(5, 32) % 2 == 0
    one = Masking(saliency("magnitude"), (FC6,))
    closed = close_weights(model, one, 0.5, {FC7: held})
    assert np.array_equal(closed.masks[FC7], held)
    assert sparsity_of({FC6: closed.masks[FC6]}) == 0.5
    assert not closed.model.blobs("fc7")[0].array()[~held].any()


def test_rows_go_whole() -> None:
    model = two_layers()
    closed = close_weights(
        model, masking(model, pattern=Pattern.parse("rows"), together=False), 0.5
    )
    assert closed.masks[FC6].any(1).sum() == 16
    assert np.array_equal(closed.masks[FC6].any(1), closed.masks[FC6].all(1))


def test_a_pattern_that_closes_another_share_is_refused() -> None:
    model = two_layers()
    with pytest.raises(PlanError, match=r"2:4 closes 0\.5, not 0\.9"):
        close_weights(model, masking(model, pattern=Pattern.parse("2:4")), 0.9)


class Doubling(Saliency):
    """Keeps the large weights, doubled."""

    name, needs, source = "doubling", "weights", "these tests"

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        return {key: np.abs(net.weights(key)).astype(np.float64) for key in net.keys}

    def solve(self, net: PrunableNet, masks: Masks) -> Dict[ParameterKey, np.ndarray]:
        return {key: 2 * net.weights(key) * masks[key] for key in net.keys}


def test_what_stays_becomes_what_the_saliency_says() -> None:
    model = two_layers()
    closed = close_weights(model, Masking(Doubling(), (FC6,)), 0.5)
    open_ones = closed.masks[FC6]
    before, now = (one.blobs("fc6")[0].array() for one in (model, closed.model))
    assert np.array_equal(now, np.where(open_ones, 2 * before, 0))
    [fault] = zero_faults(closed.model, closed.masks, model)
    assert fault == "layer 'fc6': 768 weights that its mask leaves open are not the original's"
    assert zero_faults(closed.model, closed.masks, model, [FC6]) == ()


def test_a_weight_that_is_not_zero_under_its_mask_is_found() -> None:
    model = two_layers()
    closed = close_weights(model, masking(model), 0.5)
    wrong = {FC6: closed.masks[FC6].copy()}
    wrong[FC6][np.unravel_index(np.flatnonzero(wrong[FC6])[:3], (32, 48))] = False
    assert zero_faults(closed.model, wrong, model) == (
        "layer 'fc6': 3 weights are not zero that its mask closes",
    )


def test_rows_are_outputs_however_weights_lie() -> None:
    """Stored inputs first, or with ones in front as in old files: the same outputs go."""
    weights = np.random.RandomState(0).standard_normal((6, 4))
    found = []
    for lies, how in ((weights, ""), (weights.T, "transpose: true"), (weights[None, None], "")):
        text = f"""
        layer {{ name: "data" type: "Input" top: "data"
                 input_param {{ shape {{ dim: 1 dim: 4 }} }} }}
        layer {{ name: "fc6" type: "InnerProduct" bottom: "data" top: "fc6"
                 inner_product_param {{ num_output: 6 bias_term: false {how} }} }}
        """
        model = make_model(text, {"fc6": [lies]})
        mask = close_weights(model, masking(model, pattern=Pattern.parse("rows")), 0.5).masks[FC6]
        assert mask.shape == lies.shape
        found.append(mask.T if how else mask.reshape(6, 4))
    assert found[0].all(axis=1).sum() == 3
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_long_work_of_a_saliency_is_told() -> None:
    model = two_layers()
    told: list[Event] = []
    grouping = Masking(saliency("trifactor"), prunable(model))
    close_weights(model, grouping, 0.5, progress=Progress(told.append))
    (task,) = {event.tasks[-1].name for event in told if event.tasks}
    assert task == "factoring weights"
