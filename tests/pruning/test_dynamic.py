"""Weights close and come back, and are held in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from small_training import classifier, plan, same_bits, trainer

from netsurgery.engine import MaskMode, TrainingSession
from netsurgery.network import Masks, prunable, sparsity_of
from netsurgery.pruning import CubicRamp, DynamicSurgery, Masking, with_hysteresis
from netsurgery.saliency import saliency

KEY = ("fc", 0)
STEPS, SPARSITY = 80, 0.5


def hook_of(steps: int = STEPS, kind: Any = DynamicSurgery, **given: Any) -> Any:
    model = classifier()
    masking = Masking(saliency("magnitude"), prunable(model))
    return kind(model, masking, CubicRamp(SPARSITY, steps), **given)


def test_near_the_threshold_a_weight_stays_what_it_is() -> None:
    scores = {KEY: np.array([[0.5, 0.95, 0.96, 1.0, 1.05, 1.2, -np.inf]])}
    chosen = {KEY: scores[KEY] >= 1.0}
    before = {KEY: np.array([[True, True, False, False, True, False, True]])}
    found = with_hysteresis(scores, chosen, before, together=True)[KEY]
    assert found.tolist() == [[False, True, False, False, True, True, False]]
    fresh = with_hysteresis(scores, chosen, {}, together=True)[KEY]
    assert fresh.tolist() == [[False, True, True, True, True, True, False]]


def test_one_threshold_for_all_layers_or_one_each() -> None:
    other = ("other", 0)
    scores = {KEY: np.array([[1.0, 2.0]]), other: np.array([[10.0, 20.0]])}
    chosen = {KEY: np.array([[False, True]]), other: np.array([[False, True]])}
    each = with_hysteresis(scores, chosen, {}, together=False)
    assert [mask.tolist() for mask in each.values()] == [[[False, True]], [[False, True]]]
    one = with_hysteresis(scores, chosen, {}, together=True)
    assert [mask.tolist() for mask in one.values()] == [[[False, True]], [[True, True]]]


def test_masks_are_looked_at_less_and_less_often_and_settle() -> None:
    hook = hook_of(40_000)
    places, at = [], hook.next_at(0)
    while at <= 40_000:
        places.append(at)
        at = hook.next_at(at + 1)
    assert places[-1] == hook.settled_at == 30_000
    assert places[0] > 0  # nothing closes there, and scores cost
    early, late = (sum(a <= place < a + 5000 for place in places) for a in (0, 25_000))
    assert 350 < early < 450  # of 500, at probabilities from 1 to 2/3
    assert 105 < late < 165  # from 0.29 to 0.25
    assert all(hook.next_at(place) == place for place in places[::100])


class Dense:
    """A session whose weights are all there, closed or not."""

    parameter_shapes: Dict[str, Any] = {}

    def __init__(self) -> None:
        self.masks: Masks = {}
        self.set: List[Tuple[Masks, MaskMode]] = []
        random = np.random.RandomState(5)
        self.arrays = {
            "fc1": [random.normal(size=(6, 4)), np.zeros(6)],
            "fc2": [random.normal(size=(3, 6)), np.zeros(3)],
        }

    def parameters(self, layers: Any, hidden: bool = False) -> Any:
        assert hidden
        return {name: [a.astype(np.float32) for a in self.arrays[name]] for name in layers}

    def set_masks(self, masks: Masks, mode: MaskMode) -> None:
        self.masks = masks
        self.set.append((masks, mode))


def test_what_grew_comes_back_and_the_share_is_exact_in_the_end() -> None:
    hook, session = hook_of(), Dense()
    hook.before(50, session)
    first, mode = session.set[0]
    assert mode is MaskMode.DYNAMIC
    smallest = np.unravel_index(np.argmin(np.abs(session.arrays["fc1"][0])), (6, 4))
    assert not first["fc1", 0][smallest]
    session.arrays["fc1"][0][smallest] = 9.0
    hook.before(51, session)
    assert session.masks["fc1", 0][smallest]
    hook.before(hook.settled_at, session)
    masks, mode = session.set[-1]
    assert mode is MaskMode.HELD
    assert sparsity_of(masks) == SPARSITY


def test_what_was_closed_before_never_opens() -> None:
    held = {("fc1", 0): np.arange(24).reshape(6, 4) % 4 > 0}
    hook, session = hook_of(masks=held), Dense()
    for iteration in (0, 50, hook.settled_at):
        hook.before(iteration, session)
        assert not session.masks["fc1", 0][~held["fc1", 0]].any()


class Killed(DynamicSurgery):
    """Ends its run."""

    killed_at = 40

    def before(self, iteration: int, session: TrainingSession) -> None:
        if iteration == self.killed_at:
            raise KeyboardInterrupt
        super().before(iteration, session)


@pytest.mark.usefixtures("caffe")
def test_a_run_in_real_caffe_that_was_killed_ends_in_the_same_bits(tmp_path: Path) -> None:
    from netsurgery.engine import choose

    engine = choose("caffe", [])

    def run(folder: str, kind: Any) -> Any:
        chosen = plan(STEPS, patience=None)
        return trainer(tmp_path / folder, chosen, engine=engine, hooks=[hook_of(kind=kind)]).run()

    whole = run("whole", DynamicSurgery)
    with pytest.raises(KeyboardInterrupt):
        run("killed", Killed)
    resumed = run("killed", DynamicSurgery)
    assert resumed.resumed_from == 40
    assert same_bits(whole, resumed)
    assert sparsity_of(whole.masks) == SPARSITY
    for (name, index), mask in whole.masks.items():
        assert not whole.arrays[name][index][~mask].any()
