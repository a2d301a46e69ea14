from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.calibration import Inputs
from netsurgery.errors import NetsurgeryError
from netsurgery.progress import Progress


@given(count=st.integers(1, 20), size=st.integers(1, 9))
def test_batches_hold_every_sample_once(count: int, size: int) -> None:
    data = np.arange(count * 3).reshape(count, 3)
    batches = list(Inputs({"data": data}).batches(size))
    assert all(batch.inputs["data"].shape == (size, 3) for batch in batches)
    assert all(batch.inputs["data"].dtype == np.float32 for batch in batches)
    kept = [batch.cut(batch.inputs["data"]) for batch in batches]
    np.testing.assert_array_equal(np.concatenate(kept), data)


def test_the_same_arrays_are_fed_again() -> None:
    inputs = Inputs({"data": np.arange(10.0).reshape(5, 2)})
    first, again = list(inputs.batches(2)), list(inputs.batches(2))
    assert [a is b for a, b in zip(first, again)] == [True] * 3
    assert not first[0].inputs["data"].flags.writeable
    other = next(inputs.batches(3))
    np.testing.assert_array_equal(other.inputs["data"], np.arange(6.0).reshape(3, 2))


def test_batches_that_are_gone_through_side_by_side_are_whole() -> None:
    inputs = Inputs({"data": np.arange(6.0).reshape(6, 1)})
    for one, other in zip(inputs.batches(2), inputs.batches(2)):
        np.testing.assert_array_equal(one.inputs["data"], other.inputs["data"])
    fed = [batch.inputs["data"] for batch in inputs.batches(2)]
    np.testing.assert_array_equal(np.concatenate(fed), inputs.arrays["data"])


def test_batches_of_many_inputs_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsurgery.calibration.inputs.HELD_BYTES", 4 * 6 - 1)
    inputs = Inputs({"data": np.zeros((6, 1))})
    assert next(inputs.batches(2)) is not next(inputs.batches(2))


def test_a_last_batch_repeats_the_last_sample() -> None:
    *_, last = Inputs({"data": np.array([[1.0], [2.0], [3.0]])}).batches(2)
    np.testing.assert_array_equal(last.inputs["data"], [[3.0], [3.0]])


def test_cut_goes_by_rows_per_sample() -> None:
    *_, last = Inputs({"data": np.zeros((3, 1))}).batches(2)
    rows_of_boxes = np.arange(8).reshape(8, 1)
    np.testing.assert_array_equal(last.cut(rows_of_boxes), rows_of_boxes[:4])
    assert last.cut(np.zeros((1, 1, 5, 7))).shape == (1, 1, 5, 7)
    assert last.cut(np.float32(2)) == 2


def test_whole_blobs_are_fed_one_by_one() -> None:
    rois = np.arange(30).reshape(2, 3, 5)
    inputs = Inputs({"rois": rois}, whole_blobs=True)
    fed = [batch.inputs["rois"] for batch in inputs.batches(64)]
    np.testing.assert_array_equal(np.stack(fed), rois)


@pytest.mark.parametrize(
    ("arrays", "labels"),
    [
        ({}, None),
        ({"data": np.zeros((0, 3))}, None),
        ({"data": np.float32(1)}, None),
        ({"data": np.zeros((2, 3)), "im_info": np.zeros((3, 3))}, None),
        ({"data": np.zeros((2, 3))}, np.zeros(3)),
    ],
)
def test_lengths_must_agree(arrays: dict, labels: np.ndarray) -> None:
    with pytest.raises(NetsurgeryError, match="one or more samples each, all alike"):
        Inputs(arrays, labels)


@pytest.mark.parametrize("labels", [np.array([0.5]), np.array(["cat"]), np.zeros((1, 2))])
def test_labels_are_whole_numbers(labels: np.ndarray) -> None:
    with pytest.raises(NetsurgeryError, match="not one whole number per sample"):
        Inputs({"data": np.zeros((1, 3))}, labels)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 1, 1, 1)])
def test_labels_may_have_the_axes_that_caffe_gives_them(shape: tuple) -> None:
    labels = np.arange(3.0).reshape(shape)
    found = Inputs({"data": np.zeros((3, 2))}, labels).labels
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, [0, 1, 2])


def test_digest_tells_what_is_fed() -> None:
    data = np.arange(6).reshape(2, 3)
    digest = Inputs({"data": data}).sha256
    assert digest == Inputs({"data": data.astype(np.float64)}, np.array([0, 1])).sha256
    assert digest != Inputs({"data": data.reshape(2, 3, 1)}).sha256
    assert digest != Inputs({"image": data}).sha256
    assert digest != Inputs({"data": data + 1}).sha256


def test_first() -> None:
    inputs = Inputs({"data": np.arange(5).reshape(5, 1)}, np.arange(5), "mine").first(2)
    assert len(inputs) == 2
    np.testing.assert_array_equal(inputs.labels, [0, 1])
    assert inputs.description == "mine"


def test_some_blobs_alone() -> None:
    inputs = Inputs({"data": np.arange(5), "info": np.arange(5)}, np.arange(5), "mine")
    some = inputs.only(["info"])
    assert list(some.arrays) == ["info"]
    assert (some.description, len(some)) == ("mine", 5)
    np.testing.assert_array_equal(some.labels, inputs.labels)
    assert inputs.only(["data", "info"]) is inputs


def test_samples_spread_evenly() -> None:
    data = np.arange(10, dtype=np.float32).reshape(10, 1)
    inputs = Inputs({"data": data, "whole": data[:, None]}, np.arange(10), "mine")
    some = inputs.spread(4)
    assert some.labels is not None
    assert some.labels.tolist() == [0, 2, 5, 7]
    assert some.description == "4 of 10 samples of mine"
    batches = [batch.inputs["data"].ravel().tolist() for batch in some.batches(3)]
    assert batches == [[0, 2, 5], [7, 7, 7]]
    assert (
        some.sha256 == Inputs({"data": data[some.labels], "whole": data[some.labels, None]}).sha256
    )
    assert some.first(2).arrays["data"][:].ravel().tolist() == [0, 2]
    assert inputs.spread(10) is inputs.spread(11) is inputs
    with pytest.raises(NetsurgeryError, match="0 samples are none"):
        inputs.spread(0)


def test_samples_tell_how_many_were_handed_out() -> None:
    inputs = Inputs({"data": np.arange(10.0).reshape(5, 2)}, np.arange(5))
    seen: list[str] = []
    told = inputs.told(Progress(lambda event: seen.append(str(event))))
    pairs = list(zip(told.batches(2), inputs.batches(2)))
    assert seen == [f"running, {number} of 5 inputs" for number in (0, 2, 4, 5)]
    for one, other in pairs:
        np.testing.assert_array_equal(one.inputs["data"], other.inputs["data"])
        np.testing.assert_array_equal(one.labels, other.labels)
    assert (told.sha256, told.description) == (inputs.sha256, inputs.description)
