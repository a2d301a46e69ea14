"""Which inputs train, stop and report."""

from __future__ import annotations

from typing import Optional

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.calibration import Inputs
from netsurgery.errors import RequestError
from netsurgery.training.splitting import split


def numbered(count: int, labels: Optional[np.ndarray] = None) -> Inputs:
    return Inputs({"data": np.arange(count, dtype=np.float32)[:, None]}, labels)


@given(st.integers(5, 200), st.integers(0, 3), st.booleans())
def test_every_input_is_in_one_part_and_classes_keep_their_shares(
    count: int, seed: int, labelled: bool
) -> None:
    labels = np.arange(count) % 3 if labelled else None
    found = split(numbered(count, labels), None, seed)
    parts = [found.train, found.stop] if found.is_shared else list(found)
    assert found.is_shared == (count < 40)
    assert sorted(np.concatenate(parts)) == list(range(count))
    for part in parts:
        assert (np.diff(part) > 0).all()
        if labels is not None:
            shares = np.bincount(labels[part], minlength=3) / np.bincount(labels)
            # Cuts between two classes fall somewhere within one input of either, at every cut.
            assert np.ptp(shares) * (count // 3) <= 4
    again = split(numbered(count, labels), None, seed)
    assert all(np.array_equal(first, second) for first, second in zip(found, again))


def test_sizes_are_those_of_the_shares() -> None:
    assert [len(part) for part in split(numbered(100), None, 0)] == [70, 15, 15]
    assert [len(part) for part in split(numbered(20), None, 0)] == [15, 5, 5]
    assert [len(part) for part in split(numbered(100), 0.5, 0)] == [50, 25, 25]
    elsewhere = split(numbered(100), None, 0, reported_elsewhere=True)
    assert [len(part) for part in elsewhere] == [85, 15, 0]
    assert not elsewhere.is_shared


def test_other_seeds_draw_other_inputs() -> None:
    drawn = {tuple(split(numbered(50), None, seed).stop.tolist()) for seed in range(5)}
    assert len(drawn) == 5


def test_the_draw_stays_as_it_is() -> None:
    """A resumed run and a published figure depend on it."""
    assert split(numbered(12), None, 7).stop.tolist() == [1, 9, 10]


@pytest.mark.parametrize(
    ("count", "share", "message"),
    [
        (4, None, "4 inputs in `calibrate` are too few .*; give 5 or more"),
        (50, 0.0, "0 of 50 inputs in `hold_out` leaves one part empty"),
        (50, 1.0, "1 of 50 inputs"),
        (50, 0.01, "0.01 of 50 inputs"),
        (6, 0.99, "0.99 of 6 inputs"),
    ],
)
def test_parts_that_would_be_empty_are_refused(
    count: int, share: Optional[float], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        split(numbered(count), share, 0)
