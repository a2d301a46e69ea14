"""float16 in both formats: what is rounded, what stays float32, and who reads it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst

from netsurgery.formats.blob import SHARED, Blob, LayerWeights
from netsurgery.formats.caffemodel.scanner import scan
from netsurgery.formats.convert import convert_weights, in_float32
from netsurgery.formats.half import halved, mostly_half, not_halved, stored_alike, why_not_half
from netsurgery.formats.weights import Weights, open_weights

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ARRAYS = npst.arrays(np.float32, npst.array_shapes(max_dims=3, max_side=6), elements=FLOATS)


def half(*values: float) -> Blob:
    return Blob.of(values).rounded("<f2")


@settings(max_examples=200)
@given(ARRAYS, st.booleans())
def test_what_is_halved_is_near_and_what_is_not_is_itself(array: np.ndarray, double: bool) -> None:
    blob = Blob.of(array, storage="float64" if double else "float32")
    made = halved(blob)
    if made is blob:
        assert why_not_half(blob)
        with np.errstate(all="ignore"):
            rounded = array.astype(np.float16).astype(np.float64)
        # Something is lost by the range of float16, not by its 11 bits.
        assert (np.abs(rounded - array) > 2.0**-11 * np.abs(array)).any()
        return
    assert (made.storage, made.shape) == ("float16", blob.shape)
    assert np.array_equal(made.array(), array.astype(np.float16).astype(np.float32))
    exact = array.astype(np.float64)
    assert np.linalg.norm(made.array() - exact) <= 2.0**-10 * np.linalg.norm(exact)


def test_the_edges_of_the_range() -> None:
    assert why_not_half(Blob.of([65504, -65519])) is None  # rounds to 65504
    assert "2 of its values are beyond 65,504" in str(why_not_half(Blob.of([65520, 1, -1e38])))
    assert why_not_half(Blob.of([np.inf, np.nan, 1])) is None  # no number is lost
    assert "too small" in str(why_not_half(Blob.of([1e-8, 2e-8])))
    assert why_not_half(Blob.of([1e-8, 1.0])) is None
    assert why_not_half(Blob.of([0.0, 0.0])) is None


def test_statistics_of_batch_norm_stay_float32() -> None:
    arrays = [Blob.of(np.full(3, 9e6)), Blob.of(np.full(3, 2e-7)), Blob.of([999.98])]
    others = [Blob.of(np.ones((3, 3)))]
    for kind in ("BatchNorm", None):  # HDF5 does not tell types
        weights = Weights.of(
            [LayerWeights("bn", kind, tuple(arrays)), LayerWeights("ip", None, tuple(others))]
        )
        made = weights.halved()
        assert [blob.storage for blob in made.blobs("bn")] == ["float32"] * 3
        assert made.blobs("ip")[0].storage == "float16"
        assert [(kept.layer, kept.place) for kept in not_halved(weights.layers)] == [
            ("bn", place) for place in range(3)
        ]


@pytest.mark.parametrize("version", ["V0", "V1", "V2"])
@settings(max_examples=30)
@given(ARRAYS, st.booleans())
def test_float16_goes_through_every_caffemodel(
    version: str, array: np.ndarray, legacy: bool
) -> None:
    with np.errstate(over="ignore"):
        array = array.astype(np.float16)
    if legacy:
        array = array.reshape((1,) * (4 - array.ndim) + array.shape)
    shape = array.shape
    values = Blob.of(array.astype(np.float32)).rounded("<f2")._values
    blobs = (Blob(shape, values, legacy=legacy), Blob.of([1.5]))
    weights = Weights.of([LayerWeights("ip", "InnerProduct", blobs)], "net", version=version)
    stream = io.BytesIO()
    weights.write_to(stream)
    assert stream.tell() == weights.size()
    read = Weights(scan(stream.getvalue()).parts, version=version)
    assert scan(stream.getvalue()).version == version
    first, second = read.blobs("ip")
    assert (first.storage, second.storage) == ("float16", "float32")
    assert (first.shape, first.legacy) == (shape, legacy)
    assert np.array_equal(first.array(np.float16), array, equal_nan=True)
    again = in_float32(read).blobs("ip")[0]
    assert (again.storage, again.legacy) == ("float32", legacy)
    assert np.array_equal(again.array(), array.astype(np.float32), equal_nan=True)


def test_hdf5_keeps_the_type_of_each_blob_and_its_compression(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    random = np.random.default_rng(0)
    arrays = [
        random.standard_normal((60, 80)).astype(np.float16),
        random.standard_normal(60).astype(np.float64),
        random.integers(-9, 9, (60, 80)).astype(np.int8),
        random.standard_normal((60, 80)).astype(np.float32),
    ]
    with h5py.File(tmp_path / "in.h5", "w") as file:
        for place, array in enumerate(arrays):
            packed = {"compression": "gzip"} if array.size > 1000 else {}
            file.create_dataset(f"data/ip/{place}", data=array, **packed)
    weights = open_weights(tmp_path / "in.h5").replace({})
    weights.write(tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        for place, array in enumerate(arrays):
            found = file[f"data/ip/{place}"]
            assert found.dtype == array.dtype
            assert np.array_equal(found[()], array)
            assert (found.compression is None) == (found.nbytes < 4096)
    # Compressed alike, the file does not grow.
    assert (tmp_path / "out.h5").stat().st_size <= (tmp_path / "in.h5").stat().st_size
    convert_weights(weights, "hdf5").write(tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "out.h5").read_bytes()


def test_rounding_is_numpys_whatever_the_hdf5_library(tmp_path: Path) -> None:
    """Some HDF5 libraries store 4 in 10,000 numbers at half their value when they narrow."""
    array = np.random.default_rng(1).standard_normal((300, 300)).astype(np.float32)
    weights = Weights([LayerWeights("ip", None, (Blob.of(array),))], format="hdf5")
    weights.write(tmp_path / "half.h5", float16=True)
    found = open_weights(tmp_path / "half.h5").blobs("ip")[0]
    assert np.array_equal(found.array(np.float16), array.astype(np.float16))


def test_new_blobs_take_the_type_of_those_they_come_from() -> None:
    new = [Blob.of([1.0, 2.0]), Blob.of([3.0])]

    def stored(old: list[Blob], file_half: bool, values: list[Blob] = new) -> list[str]:
        changes = {"a": [LayerWeights("a_L", None, tuple(values))]}
        (layer,) = stored_alike(changes, {"a": old}, lambda: file_half)["a"]
        return [blob.storage for blob in layer.blobs]

    single, other = Blob.of([7.0]), half(7.0)
    assert stored([other, other], False) == ["float16", "float16"]
    assert stored([other, single], True) == ["float16", "float32"]
    assert stored([single, other], True) == ["float32", "float16"]
    assert stored([other], False) == ["float16", "float16"]  # a bias there was not
    assert stored([], True) == ["float16", "float16"]
    assert stored([SHARED], True) == ["float16", "float16"]
    assert stored([single, other], True, [single, other]) == ["float32", "float16"]
    assert stored([other, other], True, [Blob.of([1e9]), Blob.of([1.0])]) == ["float32", "float16"]
    changes = {"a": [LayerWeights("a_L", None, tuple(new))]}
    # What was there tells, so the whole file is not counted.
    assert stored_alike(changes, {"a": [single, single]}, pytest.fail) is changes


def test_a_file_is_in_float16_if_most_of_its_numbers_are() -> None:
    few, many = Blob.of(np.ones(3)), Blob.of(np.ones(9)).rounded("<f2")
    assert mostly_half([LayerWeights("a", None, (few, many, SHARED))])
    assert not mostly_half([LayerWeights("a", None, (few, few, half(1.0)))])
    assert not mostly_half([])
