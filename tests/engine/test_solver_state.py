"""Solver states are read and changed where their numbers stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np
import pytest

from netsurgery.engine.workers.solver_state import histories, without_weights_file, zero
from netsurgery.formats.schema import message_class

SolverState = message_class("SolverState")


def written(path: Path, slots: Sequence[np.ndarray], **fields: Any) -> Path:
    state = SolverState(**{"iter": 300, "learned_net": "/tmp/x.caffemodel", **fields})
    for slot in slots:
        blob = state.history.add()
        blob.shape.dim.extend(slot.shape)
        blob.data.extend(slot.ravel().tolist())
    path.write_bytes(state.SerializeToString())
    return path


def read(path: Path) -> Any:
    return SolverState.FromString(path.read_bytes())


@pytest.fixture
def slots() -> Sequence[np.ndarray]:
    random = np.random.RandomState(0)
    return [random.normal(size=size).astype(np.float32) for size in ((40, 5), (3,), (40, 5), (3,))]


def test_histories_are_found(tmp_path: Path, slots: Sequence[np.ndarray]) -> None:
    path = written(tmp_path / "a", slots, current_step=2)
    found = histories(np.fromfile(path, np.uint8))
    assert [slot.size for slot in found] == [200, 3, 200, 3]
    for slot, own in zip(found, slots):
        np.testing.assert_array_equal(slot, own.ravel())


def test_numbers_become_zero_in_all_slots_and_nothing_else(
    tmp_path: Path, slots: Sequence[np.ndarray]
) -> None:
    path = written(tmp_path / "a", slots, current_step=2)
    closed = np.arange(200) % 3 == 0
    zero(str(path), 2, {0: closed})
    expected = [
        np.where(closed.reshape(40, 5), 0, slot) if slot.ndim == 2 else slot for slot in slots
    ]
    again = written(tmp_path / "b", expected, current_step=2)
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("fields", [{}, {"current_step": 3}, {"iter": 0}])
def test_the_path_of_the_weights_is_left_out(
    tmp_path: Path, slots: Sequence[np.ndarray], fields: Any
) -> None:
    path = written(tmp_path / "a", slots, **fields)
    without_weights_file(str(path), str(tmp_path / "b"))
    expected = read(path)
    expected.ClearField("learned_net")
    assert read(tmp_path / "b") == expected
    without_weights_file(str(tmp_path / "b"), str(tmp_path / "c"))
    assert (tmp_path / "c").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_no_state_is_refused(tmp_path: Path, slots: Sequence[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="no solver state"):
        histories(np.frombuffer(b"\x0f\x0f\x0f", np.uint8))
    doubles = SolverState()
    doubles.history.add().double_data.extend([1.0, 2.0])
    with pytest.raises(ValueError, match="cannot be read here"):
        histories(np.frombuffer(doubles.SerializeToString(), np.uint8))
    with pytest.raises(ValueError, match="4 histories do not belong to 3 parameters"):
        zero(str(written(tmp_path / "a", slots)), 3, {})
