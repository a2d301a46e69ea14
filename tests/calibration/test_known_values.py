"""What a model that comes again made is not made again."""

from __future__ import annotations

import gc
from typing import Any, List

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.calibration import Calibrator, Inputs, random_inputs
from netsurgery.calibration.inputs import Batch
from netsurgery.calibration.known_values import KnownValues
from netsurgery.calibration.measuring import ObservedValue, Positions, Seen
from netsurgery.calibration.running import Runner
from netsurgery.network import Model

BATCH = Batch({}, 1, 1, comes_again=True)


class Collected:
    """All of some values."""

    def __init__(self, *sources: ObservedValue) -> None:
        self.sources = sources
        self.seen: List[np.ndarray] = []

    def add(self, seen: Seen) -> None:
        self.seen += [seen[source].copy() for source in self.sources]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> List[Model]:
    """The weights of each model that is run, once for each batch."""
    run: List[Any] = []
    look = Runner.look

    def watched(self: Runner, *given: Any) -> Any:
        run.append(self.weights)
        return look(self, *given)

    monkeypatch.setattr(Runner, "look", watched)
    return run


def test_the_original_runs_no_more_beside_what_changes(opencv: str, ran: List[Any]) -> None:
    original, *others = (two_layers(seed=seed) for seed in range(5))
    calibrator = Calibrator(random_inputs(original.network(), 3), opencv)
    output = original.network().outputs[0]
    found = []
    for model in others:
        observer = Collected(ObservedValue(output), ObservedValue(output, 1))
        calibrator.run([model, original], [observer])
        found.append(observer.seen)
    expected = [model.weights for one in others[:2] for model in (one, original)]
    assert sorted(map(id, ran)) == sorted(map(id, expected + [m.weights for m in others[2:]]))
    for _, of_original in found:
        np.testing.assert_array_equal(of_original, found[0][1])
    assert not np.array_equal(found[0][0], found[1][0])


def test_what_is_looked_at_elsewhere_is_made(opencv: str, ran: List[Any]) -> None:
    original = two_layers()
    calibrator = Calibrator(random_inputs(original.network(), 3), opencv)
    output, first = original.network().outputs[0], original.network().values[1]
    for value in (output, output, output, first, first):
        calibrator.run([original], [Collected(ObservedValue(value))])
    assert len(ran) == 3


def test_inputs_that_are_not_kept_are_run_again(
    opencv: str, ran: List[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsurgery.calibration.inputs.HELD_BYTES", 1)
    original = two_layers()
    calibrator = Calibrator(random_inputs(original.network(), 3), opencv)
    for _ in range(4):
        calibrator.run([original], [Collected(ObservedValue(original.network().outputs[0]))])
    assert len(ran) == 4


def test_it_keeps_to_its_limit_and_forgets_what_is_gone() -> None:
    known, array = KnownValues(most_bytes=100), np.zeros(20, np.float32)
    model = two_layers()
    for _ in range(2):
        known.expect(model)
    known.keep(model, BATCH, "a", array)
    known.keep(model, BATCH, "b", array)
    assert known.find(model, BATCH, "a") is array
    assert known.find(model, BATCH, "b") is None
    assert known.find(two_layers(), BATCH, "a") is None
    del model
    gc.collect()
    other = two_layers()
    for _ in range(2):
        known.expect(other)
    known.keep(other, BATCH, "b", array)
    assert known.find(other, BATCH, "b") is array


def test_a_model_counts_from_its_second_run_on() -> None:
    known, model, array = KnownValues(), two_layers(), np.zeros(1, np.float32)
    known.expect(model)
    known.keep(model, BATCH, "a", array)
    assert known.find(model, BATCH, "a") is None
    known.expect(model)
    known.keep(model, BATCH, "a", array)
    assert known.find(model, BATCH, "a") is array
    fed_once = Batch({}, 1, 1)
    known.keep(model, fed_once, "a", array)
    assert known.find(model, fed_once, "a") is None


def test_positions_are_equal_that_say_the_same() -> None:
    some = Positions(np.array([1, 5]))
    assert some == Positions(np.array([1, 5], np.int64))
    assert hash(some) == hash(Positions(np.array([1, 5], np.int64)))
    assert some not in (Positions(np.array([1, 6])), None)


def test_batches_say_whether_they_come_again() -> None:
    assert [batch.comes_again for batch in Inputs({"x": np.zeros((3, 1))}).batches(2)] == [True] * 2
