"""What labels tell of two nets, and which labels cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from small_models import two_layers

from netsurgery.calibration import Inputs
from netsurgery.errors import VerificationError
from netsurgery.verification import Accuracy, refuse_labels
from netsurgery.verification.accuracy import AccuracyTally


def scores(*classes: int, of: int = 10) -> dict:
    """Blobs whose best class is that of each row, and whose others fall with their number."""
    blob = np.tile(-np.arange(of, dtype=np.float32), (len(classes), 1))
    blob[np.arange(len(classes)), list(classes)] = 1
    return {"prob": blob}


def test_right_ones_are_counted_over_batches_for_each_net() -> None:
    tally = AccuracyTally("prob")
    tally.add(np.array([3, 7, 1]), scores(3, 7, 2), scores(3, 3, 3))
    tally.add(np.array([9]), scores(9), scores(0))
    # Of five best, the fourth of the others is class 3 or 4: only 7 and 9 are beyond it.
    assert tally.result() == Accuracy("prob", 4, 0.75, 0.25, 1.0, 0.5)


def test_of_five_classes_five_best_say_nothing() -> None:
    five, six = AccuracyTally("prob"), AccuracyTally("prob")
    five.add(np.array([4]), scores(4, of=5), scores(0, of=5))
    six.add(np.array([5]), scores(5, of=6), scores(0, of=6))
    assert five.result() == Accuracy("prob", 1, 1.0, 0.0)
    assert six.result() == Accuracy("prob", 1, 1.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize("labels", [[-1, 0], [0, 10], [0], [0, 1, 2]])
def test_labels_without_a_place_are_refused(labels: list) -> None:
    with pytest.raises(VerificationError, match=r"has no place for \d labels from"):
        AccuracyTally("prob").add(np.array(labels), scores(0, 1), scores(0, 1))


@given(st.integers(-2, 12), st.integers(-2, 12))
def test_labels_are_held_against_the_net_before_it_runs(low: int, high: int) -> None:
    model = two_layers()  # its output has 5 classes, of 2 samples
    inputs = Inputs({"data": np.zeros((2, 3, 4, 4), np.float32)}, np.array([low, high]))
    if min(low, high) >= 0 and max(low, high) < 5:
        refuse_labels(model, inputs)
        return
    with pytest.raises(VerificationError, match="no such class") as caught:
        refuse_labels(model, inputs)
    assert f"labels from {min(low, high)} to {max(low, high)}" in str(caught.value)


def test_without_labels_nothing_is_refused() -> None:
    refuse_labels(two_layers(), None)
    refuse_labels(two_layers(), Inputs({"data": np.zeros((2, 3, 4, 4), np.float32)}))
