"""Batches are a function of the seed and of their number; nothing else goes in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Optional

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.calibration import HeldSamples, Inputs
from netsurgery.errors import RequestError
from netsurgery.training.augmentation import Augmentation
from netsurgery.training.bank import ViewBank
from netsurgery.training.feed import Feed, PlainRows


@dataclass
class Fed:
    """What a feed asks of a training net."""

    fed: Dict[str, str] = field(default_factory=lambda: {"x": "data:data", "y": "labels"})
    classes: Optional[int] = 1000


def numbered(count: int, *shape: int) -> Inputs:
    """Each sample is full of its number, which is its label, too."""
    numbers = np.arange(count, dtype=np.float32).reshape(-1, *(1 for _ in shape))
    return Inputs({"data": numbers * np.ones(shape, np.float32)}, np.arange(count))


class Answers:
    """Targets that tell which rows they were asked for."""

    def __init__(self, bank: ViewBank) -> None:
        self.bank = bank

    roles = ("target:out",)

    def rows(self, role: str, numbers: np.ndarray) -> np.ndarray:
        assert role == "target:out"
        return numbers.astype(np.float32)


@given(st.integers(1, 9), st.integers(2, 13), st.integers(0, 3))
def test_each_epoch_shows_every_input_of_the_part_once(batch: int, count: int, seed: int) -> None:
    part = np.arange(count) * 2 + 1
    feed = Feed(Fed(), numbered(30, 2), part, batch=batch, seed=seed)
    shown = np.concatenate([one["y"] for one in feed.batches(0, 3 * count)])
    for epoch in range(3 * batch):
        assert sorted(shown[epoch * count : (epoch + 1) * count]) == part.tolist()
    assert feed.steps_per_epoch * batch >= count > (feed.steps_per_epoch - 1) * batch


@pytest.mark.parametrize("shift", [0, 1])
def test_a_batch_is_the_same_whatever_was_asked_before(shift: int) -> None:
    random = np.random.RandomState(0)
    inputs = Inputs({"data": random.rand(11, 1, 4, 4).astype(np.float32)}, np.arange(11))
    augmentation = Augmentation(mirror=bool(shift), shift=shift)

    def feed(seed: int = 5) -> Feed:
        return Feed(Fed(), inputs, np.arange(11), batch=4, augmentation=augmentation, seed=seed)

    one, forward = feed(), feed().batches(0, 20)
    for number in (17, 3, 3, 19, 0):
        for blob, array in one.batch(number).items():
            np.testing.assert_array_equal(array, forward[number][blob])
            assert array.dtype == np.float32
    assert not all(np.array_equal(one.batch(n)["x"], feed(6).batch(n)["x"]) for n in range(3))
    assert set(forward[0]) == {"x", "y"}


def test_labels_stay_with_their_views() -> None:
    inputs = numbered(9, 1, 4, 4)
    augmentation = Augmentation(mirror=True, crop=(2, 2))
    feed = Feed(Fed(), inputs, np.arange(9), batch=5, augmentation=augmentation)
    for batch in feed.batches(0, 10):
        assert batch["x"].shape == (5, 1, 2, 2)
        np.testing.assert_array_equal(batch["x"][:, 0, 0, 0], batch["y"])


def test_with_a_teacher_views_are_those_of_its_bank_and_all_are_shown() -> None:
    random = np.random.RandomState(0)
    inputs = Inputs({"data": random.rand(6, 1, 5, 5).astype(np.float32)})
    bank = ViewBank(inputs, Augmentation(mirror=True, crop=(3, 3)), views=4)
    net = Fed({"x": "data:data", "t": "target:out"})
    part = np.array([0, 2, 5])
    feed = Feed(net, inputs, part, batch=4, targets=Answers(bank))
    views = bank.as_inputs().arrays["data"][:]
    shown = []
    for batch in feed.batches(0, 3):
        np.testing.assert_array_equal(batch["x"], views[batch["t"].astype(int)])
        shown += batch["t"].tolist()
    # Three inputs times four views are twelve, which three batches of four hold.
    assert sorted(shown) == sorted(4 * number + view for number in part for view in range(4))


def test_what_is_judged_is_compared_with_what_belongs_to_plain_views() -> None:
    inputs = numbered(6, 1, 5, 5)
    bank = ViewBank(inputs, Augmentation(crop=(3, 3)), views=4)
    rows = PlainRows(inputs, np.array([1, 4, 5]), Answers(bank)).rows(np.array([0, 2]))
    assert {role: array.tolist() for role, array in rows.items()} == {
        "labels": [1, 5],
        "target:out": [4.0, 20.0],
    }
    assert set(PlainRows(inputs, np.arange(2)).rows(np.arange(2))) == {"labels"}


def test_a_bank_has_the_plain_view_and_is_known_by_what_is_in_it() -> None:
    inputs = numbered(100, 1, 5, 5)
    augmentation = Augmentation(crop=(3, 3), mirror=True)
    bank = ViewBank(inputs, augmentation)
    assert (bank.views, len(bank)) == (21, 2100)
    assert ViewBank(inputs.first(3), augmentation).views == 32
    assert (bank.draws[:, 0] == (1, 1, 0)).all()
    assert bank.as_inputs().arrays["data"].shape == (2100, 1, 3, 3)
    same = ViewBank(numbered(100, 1, 5, 5), augmentation)
    others = [
        ViewBank(inputs, augmentation, seed=1),
        ViewBank(inputs, augmentation, views=20),
        ViewBank(numbered(99, 1, 5, 5), augmentation),
        ViewBank(inputs, Augmentation(crop=(3, 3))),
    ]
    assert same.digest == bank.digest
    assert bank.digest not in {one.digest for one in others}
    plain = ViewBank(inputs)
    assert plain.views == 1
    assert plain.as_inputs() is inputs


def test_whole_blobs_are_fed_one_by_one() -> None:
    inputs = Inputs({"data": np.random.RandomState(0).rand(5, 3, 2)}, whole_blobs=True)
    net = Fed({"x": "data:data"})
    feed = Feed(net, inputs, np.arange(5), batch=1)
    assert feed.batch(0)["x"].shape == (3, 2)
    with pytest.raises(RequestError, match="each input is a whole blob, so that `batch` can only"):
        Feed(net, inputs, np.arange(5), batch=2)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (None, 5, "is trained by labels, and arrays has none; give `labels`, or a `teacher`"),
        ([0, 4, 5], 5, "label of input 3 is 5, and the net tells 5 classes apart"),
        ([0, -2, 1], 5, "label of input 2 is -2"),
        ([0, -2, 1], None, "label of input 2 is -2, and there is no such class"),
    ],
)
def test_labels_that_the_net_cannot_tell_are_refused(
    labels: Optional[list], classes: Optional[int], message: str
) -> None:
    given = None if labels is None else np.array(labels)
    inputs = Inputs({"data": np.zeros((3, 2), np.float32)}, given)
    with pytest.raises(RequestError, match=message):
        Feed(Fed(classes=classes), inputs, np.arange(3), batch=1)
    with pytest.raises(RequestError, match=message):  # others are judged by theirs
        Feed(Fed(classes=classes), inputs, np.array([0]), batch=1)


def test_targets_need_a_teacher() -> None:
    feed = Feed(Fed({"t": "target:out"}), numbered(3, 2), np.arange(3), batch=1)
    with pytest.raises(RequestError, match="target:out needs the answers of a `teacher`"):
        feed.batch(0)


class Counted:
    """Samples that count how often each is read."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.ndim = array, array.shape, array.ndim
        self.reads = np.zeros(len(array), int)

    def __getitem__(self, part: slice) -> np.ndarray:
        self.reads[part] += 1
        return self._array[part]


def test_samples_are_read_once_where_they_fit_into_memory() -> None:
    array = np.random.RandomState(0).rand(6, 3)
    for most_bytes, reads in ((6 * 3 * 4, 1), (6 * 3 * 4 - 1, 2)):
        samples = Counted(array)
        held = HeldSamples(samples, most_bytes)
        for numbers in ([4, 1, 1], [1, 4, 0]):
            taken = held.take(np.array(numbers))
            np.testing.assert_array_equal(taken, array[numbers].astype(np.float32))
        assert samples.reads[4] == reads
        assert samples.reads[2] == 0
