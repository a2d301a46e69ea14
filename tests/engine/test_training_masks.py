"""Masks of a training: what they close is zero after every step, whatever the solver."""

from __future__ import annotations

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
    is_closed,
    losses_by_hand,
    opened,
    same,
    solver_text,
)

from netsurgery.engine import MaskMode
from netsurgery.engine.caffe import Caffe
from netsurgery.errors import EngineError


def test_masks_hold_from_the_start_and_when_they_tighten(trainer: Caffe, tmp_path: Path) -> None:
    few = {("one", 0): np.ones_like(MASK)}
    few["one", 0][0] = False
    with opened(trainer, files_in(tmp_path)) as session:
        session.set_masks(few)
        session.step(batches(0, 5))
        before = session.parameters()
        session.set_masks(MASKS)
        after = session.parameters()
        assert is_closed(session)
        np.testing.assert_array_equal(after["one"][0], before["one"][0] * MASK * few["one", 0])
        np.testing.assert_array_equal(after["one"][1], before["one"][1])
        assert session.iterations == 5
        for number in range(5):
            session.step(batches(5 + number, 1))
            assert is_closed(session), number
        moved = session.parameters()["one"][0] != after["one"][0]
        assert moved[MASK & few["one", 0]].all()


def test_what_opens_again_starts_from_nothing(trainer: Caffe, tmp_path: Path) -> None:
    """With no momentum of before: without gradient and decay it stays where it is."""
    still = solver_text().changed({"weight_decay": 0.0})
    text = STEADY.replace("loss_weight: 2", "loss_weight: 1")
    closed = {("one", 0): MASK}
    with trainer.open_training(files_in(tmp_path, still, text), losses={"loss": 1}) as session:
        session.step(batches(0, 6))
        session.set_masks(closed)
        session.set_masks({})
        silent = {**batches(0, 1)[0], "data": np.zeros((6, 10), np.float32)}
        before = session.parameters()["one"][0]
        session.step([silent])
        moved = session.parameters()["one"][0] - before
    assert not moved[~MASK].any()
    assert moved[MASK].any()


def test_dynamic_masks_keep_what_they_hide(trainer: Caffe, tmp_path: Path) -> None:
    with opened(trainer, files_in(tmp_path, train=STEADY)) as session:
        first = session.parameters()
        session.set_masks(MASKS, MaskMode.DYNAMIC)
        assert same(session.parameters(hidden=True), first)
        shown = session.parameters()
        np.testing.assert_array_equal(shown["one"][0], first["one"][0] * MASK)
        expected = losses_by_hand(shown, batches(0, 1)[0])
        assert session.step(batches(0, 1)).blobs["loss"] == pytest.approx([expected], rel=1e-5)
        session.step(batches(1, 4))
        dense, shown = session.parameters(hidden=True), session.parameters()
        assert dense["two"][0][~MASKS["two", 0]].all()
        assert (dense["two"][0] != first["two"][0])[~MASKS["two", 0]].all()
        np.testing.assert_array_equal(shown["two"][0], dense["two"][0] * MASKS["two", 0])
        data = batches(9, 1)[0]["data"]
        kept = np.maximum(data @ shown["one"][0].T + shown["one"][1], 0)
        scores = kept @ shown["two"][0].T + shown["two"][1]
        # Sums of ten products in float32.
        np.testing.assert_allclose(session.evaluate({"data": data})["two"], scores, atol=1e-5)
        assert same(session.parameters(hidden=True), dense)
        session.set_masks(MASKS)
        session.step(batches(5, 3))
        assert is_closed(session)


def test_weights_that_are_set_stay_masked(trainer: Caffe, tmp_path: Path) -> None:
    with opened(trainer, files_in(tmp_path)) as session:
        session.set_masks(MASKS)
        session.set_parameters(nets.first_weights(5))
        held = session.parameters()
        np.testing.assert_array_equal(held["one"][0], nets.first_weights(5)["one"][0] * MASK)
        np.testing.assert_array_equal(held["one"][1], nets.first_weights(5)["one"][1])


def test_layers_that_share_weights_are_masked_by_the_owner(trainer: Caffe, tmp_path: Path) -> None:
    def layer(name: str, bottom: str, own: str) -> str:
        return (
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}"'
            f' param {{ name: "w" }} param {{ name: "{own}" }}'
            " inner_product_param { num_output: 10 } }\n"
        )

    body = layer("a", "data", "x") + layer("b", "a", "y")
    loss = nets.LOSSES.replace('"two"', '"b"')
    train = nets.INPUT.format(rows=6) + body + loss
    square = np.eye(10, dtype=np.float32)
    weights = {"a": [square, square[0]], "b": [square, square[1]]}
    mask = np.random.RandomState(0).uniform(size=(10, 10)) > 0.5
    files = files_in(tmp_path, train=train, test=None, weights=weights)
    with opened(trainer, files) as session:
        session.step(batches(0, 2))
        session.set_masks({("a", 0): mask})
        session.step(batches(2, 2))
        found = session.parameters()
        np.testing.assert_array_equal(found["a"][0], found["b"][0])
        assert not found["a"][0][~mask].any()
        assert found["a"][0][mask].all()
        with pytest.raises(EngineError, match="layer 'b': its blob 0 is another layer's"):
            session.set_masks({("b", 0): mask})


def test_of_two_layers_of_one_name_the_last_is_masked(trainer: Caffe, tmp_path: Path) -> None:
    """As Caffe answers that one; the solver remembers both."""
    body = nets.BODY.replace(nets.DROPOUT, "").replace('name: "two"', 'name: "one"')
    square = np.random.RandomState(4).normal(size=(8, 10)).astype(np.float32)
    loss = nets.LOSSES.replace('"two"', '"three"')
    last = 'layer { name: "three" type: "Power" bottom: "two" top: "three" }\n'
    train = nets.INPUT.format(rows=6) + body.replace("num_output: 3", "num_output: 8") + last + loss
    wide = train.replace("dim: 10", "dim: 8")
    weights = {"one": [square[:, :8], square[:, 8]]}
    files = files_in(tmp_path, train=wide, test=None, weights=weights)
    given = [{**batch, "data": batch["data"][:, :8]} for batch in batches(0, 6)]
    mask = np.random.RandomState(5).uniform(size=(8, 8)) > 0.5
    with opened(trainer, files) as session:
        session.step(given[:4])
        session.set_masks({("one", 0): mask})
        session.save_state(tmp_path / "state")
        assert not session.parameters()["one"][0][~mask].any()
    slots = nets.histories_of(tmp_path / "state")
    assert len(slots) == 4
    assert slots[0][~mask.ravel()].any()
    assert not slots[2][~mask.ravel()].any()


def test_a_mask_of_an_old_file_has_ones_in_front(trainer: Caffe, tmp_path: Path) -> None:
    """As such a file holds the matrix of an InnerProduct, and the masks of its model do too."""
    old = {key: mask.reshape(1, 1, *mask.shape) for key, mask in MASKS.items()}
    with opened(trainer, files_in(tmp_path)) as session:
        session.set_masks(old)
        session.step(batches(0, 2))
        assert is_closed(session)
        assert {key: mask.shape for key, mask in session.masks.items()} == {
            key: mask.shape for key, mask in old.items()
        }
