"""Real Caffe's solver, driven from outside: the same steps, masks that hold, states that resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import training_nets as nets
from training_nets import (
    MASK,
    MASKS,
    STEADY,
    LazyBatches,
    batches,
    files_in,
    losses_by_hand,
    opened,
    same,
    solver_text,
)

from netsurgery.engine import Capability, MaskMode, TrainingSession
from netsurgery.engine.caffe import Caffe
from netsurgery.engine.opencv import OpenCv
from netsurgery.errors import EngineError
from netsurgery.formats import SolverText


def test_it_says_what_is_open(trainer: Caffe, tmp_path: Path) -> None:
    with opened(trainer, files_in(tmp_path, solver_text(more="iter_size: 2"))) as session:
        assert session.inputs == {"data": (6, 10), "label": (6,)}
        assert session.outputs == ("two",)
        assert (session.iterations, session.iter_size, session.threads) == (0, 2, 1)
        assert session.parameter_shapes == {"one": [(8, 10), (8,)], "two": [(3, 8), (3,)]}
        assert (dict(session.masks), session.mask_mode) == ({}, MaskMode.HELD)
        assert session.notes == ()
        assert same(session.parameters(), nets.first_weights())


@pytest.mark.parametrize("iter_size", [1, 3])
def test_losses_are_of_the_batches_that_were_fed(
    trainer: Caffe, tmp_path: Path, iter_size: int
) -> None:
    """And iterations average over theirs."""
    solver = solver_text(more=f"iter_size: {iter_size}")
    with opened(trainer, files_in(tmp_path, solver, STEADY)) as session:
        for number in range(3):
            given = batches(7 * number, iter_size)
            weights = session.parameters()
            expected = np.mean([losses_by_hand(weights, batch) for batch in given])
            found = session.step(given)
            # Caffe adds up in float32, the other in numpy's order.
            assert found.blobs["loss"] == pytest.approx([expected], rel=1e-5)
            assert found.losses == pytest.approx(2 * found.blobs["loss"])
            assert session.iterations == number + 1


def test_a_chunk_is_as_many_single_steps(trainer: Caffe, tmp_path: Path) -> None:
    with opened(trainer, files_in(tmp_path)) as session:
        whole = session.step(batches(0, 12))
        weights = session.parameters()
    with opened(trainer, files_in(tmp_path)) as session:
        single = [session.step([batch]) for batch in batches(0, 12)]
        assert same(session.parameters(), weights)
    for name in ("losses", "rates"):
        parts = [getattr(one, name) for one in single]
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate(parts))
    parts = [one.blobs["accuracy"] for one in single]
    np.testing.assert_array_equal(whole.blobs["accuracy"], np.concatenate(parts))


def test_rates_are_the_solvers(trainer: Caffe, tmp_path: Path) -> None:
    """Asked for its rate, Caffe moves on in the steps of `multistep`: two at one place show it."""
    for policy, expected in {
        "": [0.05] * 4 + [0.025] * 3,
        "poly": [0.05 * (1 - i / 8) ** 2 for i in range(7)],
    }.items():
        solver = solver_text()
        if policy:
            solver = solver.changed({"lr_policy": policy, "power": 2.0, "max_iter": 8})
        with opened(trainer, files_in(tmp_path, solver)) as session:
            # Caffe's rates are single precision.
            assert session.step(batches(0, 7)).rates == pytest.approx(expected, rel=1e-6)


def test_a_rate_counts_from_the_next_iteration_on(trainer: Caffe, tmp_path: Path) -> None:
    plain = solver_text(rest="momentum: 0", more="").changed({"weight_decay": 0.0})
    moved = []
    for rate in (None, 0.1):
        with opened(trainer, files_in(tmp_path, plain, STEADY)) as session:
            if rate:
                session.set_rate(rate)
            before = session.parameters()["one"][0]
            assert session.step(batches(0, 1)).rates == pytest.approx([rate or 0.05], rel=1e-6)
            moved.append(session.parameters()["one"][0] - before)
    # The difference of weights of 0.5 at twice the rate.
    np.testing.assert_allclose(moved[1], 2 * moved[0], atol=1e-6)


def test_evaluating_is_of_the_present_weights_and_changes_nothing(
    trainer: Caffe, tmp_path: Path
) -> None:
    data = batches(0, 1)[0]["data"]
    with opened(trainer, files_in(tmp_path)) as session:
        first = session.evaluate({"data": data[:1]}, ["one", "two"])
        session.step(batches(0, 3))
        second = session.evaluate({"data": data}, ["two"])["two"]
        third = session.step(batches(3, 3)).losses
    assert first["two"].shape == (1, 3)
    assert second.shape == (6, 3)
    assert not np.allclose(first["two"], second[:1])
    with opened(trainer, files_in(tmp_path)) as session:
        session.step(batches(0, 3))
        np.testing.assert_array_equal(session.step(batches(3, 3)).losses, third)


def test_batches_are_asked_for_once_in_order_and_go_in_few_requests(
    trainer: Caffe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsurgery.engine.caffe_training._MOST_ITERATIONS", 5)
    lazy = LazyBatches(0, 24)
    with opened(trainer, files_in(tmp_path, solver_text(more="iter_size: 2"))) as session:
        asked = []
        really = session._ask  # type: ignore[attr-defined]
        monkeypatch.setattr(session, "_ask", lambda *a, **of: asked.append(a) or really(*a, **of))
        assert len(session.step(lazy).losses) == 12
        assert lazy.asked == list(range(24))
        sent = [sum(array.nbytes for array in arrays) for _, arrays in asked]
        one = 2 * 4 * (6 * 10 + 6)
        assert sent == [5 * one, 5 * one, 2 * one]
        asked.clear()
        monkeypatch.setattr("netsurgery.engine.caffe_training._MOST_BYTES", one + 1)
        session.step(LazyBatches(0, 6))
        assert [sum(array.nbytes for array in arrays) for _, arrays in asked] == [2 * one, one]


def test_a_state_can_be_moved_and_leaves_no_other_file(trainer: Caffe, tmp_path: Path) -> None:
    folder = tmp_path / "state.part"
    files = files_in(tmp_path, solver_text(more="snapshot: 2 snapshot_format: HDF5"))
    with opened(trainer, files) as session:
        session.set_rate(0.01)
        session.set_masks(MASKS, MaskMode.DYNAMIC)
        session.step(batches(0, 5))
        before = {path.name for path in files.scratch.iterdir()}
        session.save_state(folder)
        assert {path.name for path in files.scratch.iterdir()} == before
        expected = session.step(batches(5, 6))
        weights = session.parameters(hidden=True)
        session.restore_state(folder.rename(tmp_path / "state"))
        assert (session.iterations, dict(session.masks)) == (5, {})
        assert same(session.parameters(), session.parameters(hidden=True))
    with opened(trainer, files_in(tmp_path, weights=nets.first_weights(9))) as session:
        session.restore_state(tmp_path / "state")
        assert session.iterations == 5
        session.set_masks(MASKS, MaskMode.DYNAMIC)
        found = session.step(batches(5, 6))
        assert same(session.parameters(hidden=True), weights)
    np.testing.assert_array_equal(found.losses, expected.losses)
    np.testing.assert_array_equal(found.rates, expected.rates)


def test_another_seed_gives_another_dropout(trainer: Caffe, tmp_path: Path) -> None:
    losses = []
    for seed in (3, 3, 4):
        with opened(trainer, files_in(tmp_path), seed) as session:
            losses.append(session.step(batches(0, 3)).losses)
    np.testing.assert_array_equal(losses[0], losses[1])
    assert (losses[0] != losses[2]).any()


def test_a_net_reads_its_own_data(trainer: Caffe, tmp_path: Path) -> None:
    own = (
        'layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {'
        ' shape { dim: 6 dim: 10 } shape { dim: 6 } data_filler { type: "gaussian" }'
        ' data_filler { type: "constant" value: 1 } } }\n'
    )
    train = own + nets.BODY + nets.LOSSES[nets.LOSSES.index('layer { name: "loss"') :]
    with opened(trainer, files_in(tmp_path, train=train)) as session:
        assert session.inputs == {}
        assert len(session.step_own(60).losses) == 60
        assert session.iterations == 60
        with pytest.raises(EngineError, match="reads its own data, and is fed no batches"):
            session.step(batches(0, 1))
        with pytest.raises(EngineError, match="no iterations to do"):
            session.step_own(0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: s.step([]), "no batches"),
        (lambda s: s.step(batches(0, 3)), "3 batches make no whole iterations of iter_size 2"),
        (lambda s: s.step([{"data": 0}, {}]), r"is fed \['data', 'label'\], not \['data'\]"),
        (
            lambda s: s.step([{**batch, "label": np.zeros(5)} for batch in batches(0, 2)]),
            r"its input 'label' has the shape \(6,\), not \(5,\)",
        ),
        (lambda s: s.step_own(1), "is fed .* and reads no data of its own"),
        (lambda s: s.parameters(["three"]), "layer 'three': no layer with parameters"),
        (lambda s: s.set_parameters({"two": []}), "layer 'two': its blobs have the shapes"),
        (lambda s: s.set_masks({("one", 2): MASK}), "layer 'one': no blob 2 that a mask"),
        (lambda s: s.set_masks({("two", 0): MASK}), r"has the shape \(3, 8\), not \(8, 10\)"),
        (lambda s: s.evaluate({}), r"the test net's inputs are \['data'\], not \[\]"),
        (lambda s: s.evaluate({"data": 0}, ["loss"]), "the test net has no blob 'loss'"),
        (lambda s: s.restore_state(Path("nowhere")), "nowhere: no state of a training: it lacks"),
    ],
)
def test_what_does_not_fit_is_refused(two: TrainingSession, call: Any, said: str) -> None:
    with pytest.raises(EngineError, match=said) as refusal:
        call(two)
    assert "\n" not in str(refusal.value)
    assert two.iterations == 0


@pytest.fixture(scope="module")
def two(trainer: Caffe, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A session of two batches an iteration, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("two")
    with opened(trainer, files_in(folder, solver_text(more="iter_size: 2"))) as session:
        yield session


@pytest.mark.parametrize(
    ("losses", "watched", "said"),
    [
        ({"los": 1.0}, [], "the train net has no blob 'los'"),
        ({"loss": 1.0}, ["two"], "blob 'two' is watched, and not one number"),
    ],
)
def test_blobs_that_cannot_be_told_are_refused(
    trainer: Caffe, tmp_path: Path, losses: Any, watched: Any, said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        trainer.open_training(files_in(tmp_path), losses=losses, watched=watched)


def test_a_solver_that_caffe_cannot_read_is_named(trainer: Caffe, tmp_path: Path) -> None:
    text = b'type: "SGD"\nbase_lr: 0.1\nlr_policy: "fixed"\nwarmup: 5\n'
    files = files_in(tmp_path, SolverText.parse(text, tmp_path / "mine.prototxt"))
    with pytest.raises(EngineError, match=r"mine\.prototxt:4.* has no field named .warmup"):
        opened(trainer, files)


def test_nets_that_do_not_belong_together_are_refused(trainer: Caffe, tmp_path: Path) -> None:
    wider = nets.TEST.replace("num_output: 3", "num_output: 4").replace('name: "two"', 'name: "x"')
    files = files_in(tmp_path, train=nets.TRAIN.replace('name: "two"', 'name: "x"'), test=wider)
    said = "layer 'x': Caffe says: .*Cannot share param 0.*; the nets that are trained and used"
    with pytest.raises(EngineError, match=said):
        opened(trainer, files)


def test_without_a_test_net_nothing_is_evaluated(trainer: Caffe, tmp_path: Path) -> None:
    with opened(trainer, files_in(tmp_path, test=None)) as session:
        assert session.outputs == ()
        with pytest.raises(EngineError, match="no test net was opened"):
            session.evaluate({})


def test_the_state_of_another_solver_is_refused_in_caffes_words(
    trainer: Caffe, tmp_path: Path
) -> None:
    with opened(trainer, files_in(tmp_path)) as session:
        session.save_state(tmp_path / "state")
    said = "Caffe says: .*Incorrect length of history blobs.*; the state is of another type of"
    adam = files_in(tmp_path, solver_text("Adam"))
    with opened(trainer, adam) as session, pytest.raises(EngineError, match=said):
        session.restore_state(tmp_path / "state")


def test_an_engine_that_cannot_train_says_so(tmp_path: Path) -> None:
    assert Caffe().can(Capability.SOLVE)
    assert not OpenCv().can(Capability.SOLVE)
    with pytest.raises(EngineError, match="opencv cannot do this: run a solver"):
        opened(OpenCv(), files_in(tmp_path))
