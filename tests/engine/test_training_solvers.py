"""Each of Caffe's solvers, with each decay: its steps, masks that hold, and runs that resume."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import training_nets as nets
from training_nets import (
    MASK,
    MASKS,
    STEADY,
    batches,
    files_in,
    histories_of,
    is_closed,
    opened,
    same,
    solver_text,
)

from netsurgery.engine import MaskMode
from netsurgery.engine.caffe import Caffe

PLAIN = """
import sys
import numpy as np, caffe
solver = caffe.get_solver(sys.argv[1])
solver.net.copy_from(sys.argv[2])
fed = np.load(sys.argv[3])
for data, label in zip(fed["data"], fed["label"]):
    solver.net.blobs["data"].data[...] = data
    solver.net.blobs["label"].data[...] = label
    solver.step(1)
np.savez(sys.argv[4], *[blob.data for name in ("one", "two") for blob in solver.net.params[name]])
"""
REGULARIZATIONS = {
    "L2": "",
    "L1": 'regularization_type: "L1"',
    "clipped": "clip_gradients: 0.3",
}
SLOTS = {"AdaDelta": 2, "Adam": 2}
"""Histories of each parameter."""

six_solvers = pytest.mark.parametrize("kind", nets.SOLVERS)
each_iter_size = pytest.mark.parametrize("iter_size", [1, 3])


def test_steps_are_those_of_a_solver_that_nobody_drives(
    trainer: Caffe, caffe_python: str, tmp_path: Path
) -> None:
    files = files_in(tmp_path, solver_text("Adam"), STEADY)
    given = batches(0, 12)
    with opened(trainer, files) as session:
        session.step(given)
        found = session.parameters()
    fed, made = tmp_path / "fed.npz", tmp_path / "made.npz"
    np.savez(fed, **{name: np.stack([batch[name] for batch in given]) for name in given[0]})
    told = [files.scratch / "solver.prototxt", files.weights, fed, made]
    subprocess.run([caffe_python, "-c", PLAIN, *map(str, told)], capture_output=True, check=True)
    with np.load(made) as plain:
        for number, array in enumerate([*found["one"], *found["two"]]):
            np.testing.assert_array_equal(array, plain[f"arr_{number}"])


@six_solvers
@each_iter_size
@pytest.mark.parametrize("regularization", REGULARIZATIONS)
def test_masks_hold_weights_and_histories(
    trainer: Caffe, tmp_path: Path, kind: str, iter_size: int, regularization: str
) -> None:
    """Also those of weights that close after some steps."""
    more = f"{REGULARIZATIONS[regularization]} iter_size: {iter_size}"
    with opened(trainer, files_in(tmp_path, solver_text(kind, more=more))) as session:
        session.step(batches(0, 3 * iter_size))
        session.set_masks(MASKS)
        for number in range(4):
            session.save_state(tmp_path / str(number))
            slots = histories_of(tmp_path / str(number))
            assert len(slots) == 4 * SLOTS.get(kind, 1)
            for slot in range(0, len(slots), 4):
                assert not slots[slot][~MASK.ravel()].any(), number
                assert slots[slot][MASK.ravel()].any()
                assert not slots[slot + 2][~MASKS["two", 0].ravel()].any(), number
            assert is_closed(session), number
            session.step(batches(50 + number * iter_size, iter_size))


@six_solvers
@each_iter_size
@pytest.mark.parametrize("mode", MaskMode)
def test_a_resumed_run_is_the_same_to_the_bit(
    trainer: Caffe, tmp_path: Path, kind: str, iter_size: int, mode: MaskMode
) -> None:
    """With Dropout, masks, a changed rate and a policy of steps."""
    solver = solver_text(kind, more=f"iter_size: {iter_size}")
    with opened(trainer, files_in(tmp_path, solver)) as session:
        session.step(batches(0, 2 * iter_size))
        session.set_masks(MASKS, mode)
        session.set_rate(0.03)
        session.step(batches(2 * iter_size, 3 * iter_size))
        session.save_state(tmp_path / "state")
        whole = session.step(batches(5 * iter_size, 6 * iter_size))
        weights = session.parameters(hidden=True)
    elsewhere = files_in(tmp_path, solver, weights=nets.first_weights(9))
    with opened(trainer, elsewhere) as session:
        session.restore_state(tmp_path / "state")
        session.set_masks(MASKS, mode)
        resumed = session.step(batches(5 * iter_size, 6 * iter_size))
        assert same(session.parameters(hidden=True), weights)
        assert session.iterations == 11
    np.testing.assert_array_equal(whole.losses, resumed.losses)
    np.testing.assert_array_equal(whole.rates, resumed.rates)
