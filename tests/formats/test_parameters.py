"""A blob has a type and a mask beside its numbers, and all of it can be sent elsewhere."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from netsurgery.formats.blob import SHARED, Blob

NUMBERS = np.arange(1.0, 7.0).reshape(2, 3)
MASK = np.array([[True, False, True], [True, True, False]])


@pytest.mark.parametrize("storage", ["float16", "float32", "float64"])
def test_a_blob_knows_the_type_of_its_numbers(storage: str) -> None:
    blob = Blob.of(NUMBERS, storage=storage)
    assert blob.storage == storage
    assert np.array_equal(blob.array(storage), NUMBERS)


def test_a_mask_multiplies_nothing_before_it_is_asked_to() -> None:
    blob = Blob.of(NUMBERS).with_mask(MASK)
    assert np.array_equal(blob.array(), NUMBERS)
    assert blob.count_unmasked() == 2
    masked = blob.masked()
    assert np.array_equal(masked.array(), NUMBERS * MASK)
    assert np.array_equal(masked.mask, MASK)
    assert masked.masked() is masked
    assert blob.with_mask(None).mask is None


def test_a_mask_goes_where_the_numbers_go() -> None:
    blob = Blob.of(NUMBERS).with_mask(MASK)
    assert np.array_equal(blob.filled(np.zeros(6)).mask, MASK)
    assert np.array_equal(blob.rounded("<f2").mask, MASK)
    assert np.array_equal(blob.reshape((3, 2)).mask, MASK.reshape(3, 2))


def test_a_mask_is_of_the_shape_of_its_blob_and_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match=r"a mask of shape \(3, 2\) for a blob of \(2, 3\)"):
        Blob.of(NUMBERS).with_mask(MASK.T)
    given = MASK.copy()
    blob = Blob.of(NUMBERS).with_mask(given)
    given[:] = False
    assert np.array_equal(blob.mask, MASK)
    with pytest.raises(ValueError, match="read-only"):
        blob.mask[0, 0] = False


@pytest.mark.parametrize("storage", ["float16", "float32", "float64"])
def test_a_blob_that_was_sent_is_the_same(storage: str) -> None:
    blob = Blob.of(NUMBERS, storage=storage).with_mask(MASK)
    sent = pickle.loads(pickle.dumps(blob))
    assert (sent.shape, sent.storage, sent.digest) == (blob.shape, storage, blob.digest)
    assert np.array_equal(sent.array(storage), NUMBERS)
    assert np.array_equal(sent.mask, MASK)
    assert not sent.mask.flags.writeable
    assert not next(sent.blocks()).flags.writeable


def test_the_blob_of_an_owner_stays_the_one_it_is() -> None:
    assert pickle.loads(pickle.dumps([SHARED, Blob.of(NUMBERS)]))[0] is SHARED
