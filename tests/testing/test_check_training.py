"""Checks of a training: what an engine gets wrong is seen, and said."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest
from one_child_caffe import OneChildCaffe

from netsurgery.engine import MaskMode
from netsurgery.engine.caffe_training import CaffeTrainingSession as Session
from netsurgery.testing import engine_checks

step, set_masks, restore = Session.step, Session.set_masks, Session.restore_state
parameters, evaluate = Session.parameters, Session.evaluate


def loses_a_loss(self: Session, batches: Any) -> Any:
    found = step(self, batches)
    return found._replace(losses=found.losses * 1.01)


def asks_twice(self: Session, batches: Any) -> Any:
    return step(self, [batches[i] for i in range(len(batches)) if batches[i]])


def closes_without_holding(self: Session, masks: Any, mode: Any = MaskMode.HELD) -> None:
    """Sets weights to zero once, and leaves them to the solver."""
    set_masks(self, {}, mode)
    held = self.parameters()
    held = {n: [a * masks.get((n, i), True) for i, a in enumerate(o)] for n, o in held.items()}
    self.set_parameters(held)


def is_always_held(self: Session, masks: Any, mode: Any = MaskMode.HELD) -> None:
    set_masks(self, masks)


def shows_what_is_hidden(self: Session, layers: Any = None, hidden: bool = False) -> Any:
    return parameters(self, layers, hidden=True)


def keeps_masks(self: Session, folder: Any) -> None:
    restore(self, folder)
    self.masks = {("one", 0): np.ones((6, 5), bool)}


def restores_another_rate(self: Session, folder: Any) -> None:
    restore(self, folder)
    self.set_rate(0.1)


def evaluates_stale_weights(self: Session, inputs: Any, blobs: Any = ()) -> Any:
    return {name: array + 1 for name, array in evaluate(self, inputs, blobs).items()}


@pytest.mark.parametrize(
    ("method", "fault", "check", "said"),
    [
        ("step", loses_a_loss, "it_trains_as_caffe_does", "losses are off by"),
        ("step", asks_twice, "it_trains_as_caffe_does", r"it asks for \[0, 0, 1, 1"),
        ("set_masks", closes_without_holding, "it_holds_masks", "do not stay 0"),
        ("set_masks", is_always_held, "it_hides_what_dynamic_masks_close", "not what they are"),
        ("parameters", shows_what_is_hidden, "it_hides_what_dynamic_masks_close", "not what they"),
        ("restore_state", keeps_masks, "it_resumes_to_the_bit", "masks are no part of a state"),
        ("restore_state", restores_another_rate, "it_resumes_to_the_bit", "not what they are"),
        ("evaluate", evaluates_stale_weights, "it_evaluates_as_it_is", "is off by 1"),
    ],
)
def test_faults_are_seen(
    trainer: OneChildCaffe,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    fault: Callable[..., Any],
    check: str,
    said: str,
) -> None:
    checks = dict(engine_checks(trainer))
    checks[check]()
    monkeypatch.setattr(Session, method, fault)
    with pytest.raises(AssertionError, match=said):
        checks[check]()
