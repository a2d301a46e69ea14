"""Every way Caffe and its forks have stored a blob, written by protobuf with their own fields."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from weight_files import (
    BLVC_BLOB,
    C3D_BLOB,
    NVIDIA_BLOB,
    UNPACKED_BLOB,
    blob_message,
    file_with_blob,
    seeded,
    shape_bytes,
)

from netsurgery.errors import FormatError
from netsurgery.formats import schema
from netsurgery.formats.blob import BLOCK, Blob
from netsurgery.formats.caffemodel.blobproto import read_blob
from netsurgery.formats.weights import LayerWeights, Weights, open_weights

FLOATS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    elements=st.floats(width=32, allow_nan=False),
)


def read(message: Any) -> Blob:
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return read_blob(data, 0, len(data))


def opened(tmp_path: Path, blob: bytes, name: bytes = b"net") -> Blob:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(file_with_blob(blob, name))
    return open_weights(path).blobs("ip")[0]


def written(blob: Blob) -> Any:
    """What protobuf finds in a file we write with that blob."""
    stream = io.BytesIO()
    Weights.of([LayerWeights("ip", "InnerProduct", (blob,))], "net").write_to(stream)
    net = schema.NetParameter.FromString(stream.getvalue())
    assert net.SerializeToString() == stream.getvalue()
    return net.layer[0].blobs[0]


@given(FLOATS)
def test_blobs_of_any_shape_are_read_as_protobuf_wrote_them(values: np.ndarray) -> None:
    blob = read(blob_message(values))
    assert (blob.shape, blob.count, blob.storage) == (values.shape, values.size, "float32")
    assert np.array_equal(blob.array(), values)


@given(FLOATS)
def test_blobs_of_any_shape_are_written_as_protobuf_would(values: np.ndarray) -> None:
    message = written(Blob.of(values))
    assert message.HasField("shape")
    assert tuple(message.shape.dim) == values.shape
    assert np.array_equal(np.float32(message.data), values.ravel())


@pytest.mark.parametrize("shift", range(4))
def test_arrays_are_aligned_and_shared_where_the_file_is(tmp_path: Path, shift: int) -> None:
    values = seeded(3, 5)
    blob = opened(tmp_path, blob_message(values).SerializeToString(), b"n" * (shift + 1))
    array = blob.array()
    assert np.array_equal(array, values)
    assert array.flags.aligned
    assert array.flags.c_contiguous
    assert not array.flags.writeable
    (stored,) = blob.blocks()
    assert np.shares_memory(array, stored) == stored.flags.aligned


@pytest.mark.parametrize("shift", range(4))
def test_views_are_of_the_file_at_any_address(tmp_path: Path, shift: int) -> None:
    values = seeded(3, 5)
    blob = opened(tmp_path, blob_message(values).SerializeToString(), b"n" * shift)
    view = blob.view()
    assert np.shares_memory(view, next(blob.blocks()))
    assert not view.flags.writeable
    assert view.shape == (3, 5)
    np.testing.assert_array_equal(view, values)


def test_a_view_is_a_copy_where_the_file_holds_another_type_or_several_pieces() -> None:
    values = seeded(3, 5)
    np.testing.assert_array_equal(read(blob_message(values)).view(np.float64), values)
    assert np.array_equal(Blob.of(values).rounded("<f2").view(), values.astype("<f2"))
    unpacked = read(UNPACKED_BLOB(data=values.ravel(), shape=shape_bytes([3, 5])))
    np.testing.assert_array_equal(unpacked.view(), values)


def test_one_shift_in_four_is_aligned(tmp_path: Path) -> None:
    message = blob_message(seeded(3)).SerializeToString()
    blobs = [opened(tmp_path, message, b"n" * shift) for shift in range(1, 5)]
    assert sum(next(blob.blocks()).flags.aligned for blob in blobs) == 1


def test_chunked_unpacked_and_packed_floats_are_one_blob() -> None:
    values = np.arange(2000, dtype=np.float32)
    parts = [
        UNPACKED_BLOB(data=values[:700]).SerializeToString(),
        BLVC_BLOB(data=values[700:701]).SerializeToString(),
        b"\x2a\x00",
        BLVC_BLOB(data=values[701:1500]).SerializeToString(),
        UNPACKED_BLOB(data=values[1500:], shape=shape_bytes([40, 50])).SerializeToString(),
    ]
    blob = read(b"".join(parts))
    assert np.array_equal(blob.array(), values.reshape(40, 50))
    assert list(written(blob).data) == list(values)


def test_double_data_is_read_as_caffe_does() -> None:
    exact = np.random.default_rng(0).standard_normal((2, 3))
    message = BLVC_BLOB(data=[9] * 6, double_data=exact.ravel())
    message.shape.dim.extend([2, 3])
    blob = read(message)
    assert blob.storage == "float64"
    assert np.array_equal(blob.array(np.float64), exact)
    assert np.array_equal(blob.array(), exact.astype(np.float32))
    assert list(written(blob).double_data) == list(exact.ravel())
    unpacked = UNPACKED_BLOB(double_data=exact.ravel(), shape=shape_bytes([2, 3]))
    assert np.array_equal(read(unpacked).array(np.float64), exact)


def test_a_double_too_big_for_float32_is_infinite_as_in_caffe() -> None:
    blob = Blob.of([1e300, -1e300, 1.0], storage="float64")
    assert blob.array().tolist() == [np.inf, -np.inf, 1.0]
    assert blob.count_nonfinite() == 0


@pytest.mark.parametrize(("number", "dtype"), [(0, "<f8"), (1, "<f4"), (2, "<f2")])
def test_raw_data_of_nvidia(number: int, dtype: str) -> None:
    values = seeded(4, 3).astype(dtype)
    message = NVIDIA_BLOB(
        raw_data_type=number, raw_data=values.tobytes(), shape=shape_bytes([4, 3])
    )
    blob = read(message)
    assert blob.storage == np.dtype(dtype).name
    assert np.array_equal(blob.array(), values.astype(np.float32))
    again = NVIDIA_BLOB.FromString(written(blob).SerializeToString())
    if number == 2:
        assert again == message
    else:
        stored = written(blob)
        assert np.array_equal([*stored.data, *stored.double_data], values.ravel())


def test_the_shifted_blob_of_c3d() -> None:
    values = seeded(2, 3, 1, 4, 5)
    message = C3D_BLOB(num=2, channels=3, length=1, height=4, width=5, data=values.ravel())
    message.diff.extend([7.0] * values.size)
    blob = read(message)
    assert (blob.shape, blob.legacy) == (values.shape, False)
    assert np.array_equal(blob.array(), values)


@pytest.mark.parametrize("field", ["diff", "double_diff"])
def test_a_diff_alone_is_given_with_a_note(field: str) -> None:
    message = BLVC_BLOB(**{field: [1, 2]})
    message.shape.dim.append(2)
    blob = read(message)
    assert blob.array().tolist() == [1, 2]
    assert "diff" in blob.note
    assert not read(blob_message(seeded(2))).note


def test_any_legacy_dimension_makes_the_shape_legacy() -> None:
    message = BLVC_BLOB(num=1, channels=1, height=2, width=3, data=range(6))
    message.shape.dim.extend([6])
    blob = read(message)
    assert (blob.shape, blob.legacy) == ((1, 1, 2, 3), True)
    assert read(BLVC_BLOB(width=3)).shape == (0, 0, 0, 3)
    again = written(blob)
    assert (again.num, again.channels, again.height, again.width) == (1, 1, 2, 3)
    assert not again.HasField("shape")


def test_fits_is_caffes_rule() -> None:
    legacy = read(BLVC_BLOB(num=1, channels=1, height=2, width=3, data=range(6)))
    assert legacy.fits((2, 3))
    assert legacy.fits((1, 2, 3))
    assert legacy.fits((1, 1, 2, 3))
    assert not legacy.fits((6,))
    assert not legacy.fits((1, 1, 1, 2, 3))
    plain = Blob.of(seeded(2, 3))
    assert plain.fits((2, 3))
    assert not plain.fits((1, 1, 2, 3))


def test_reshape_shares_the_numbers() -> None:
    blob = Blob.of(seeded(2, 3))
    assert np.shares_memory(blob.reshape((6,)).array(), blob.array())
    with pytest.raises(ValueError, match=r"\(2, 3\) has not as many elements as \(5,\)"):
        blob.reshape((5,))


def test_a_blob_does_not_follow_the_array_it_was_made_of() -> None:
    mine = seeded(3)
    blob = Blob.of(mine)
    mine[:] = 0
    assert np.array_equal(blob.array(), seeded(3))
    frozen = seeded(3)
    frozen.setflags(write=False)
    assert np.shares_memory(Blob.of(frozen).array(), frozen)
    assert np.array_equal(Blob.of(seeded(3, 4).T).array(), seeded(3, 4).T)
    assert Blob.of([1.5, 2]).storage == "float32"


def test_nonfinite_numbers_are_counted_across_blocks() -> None:
    values = np.zeros(BLOCK + 10, np.float32)
    values[[0, BLOCK - 1, BLOCK, BLOCK + 9]] = [np.nan, np.inf, -np.inf, np.nan]
    assert Blob.of(values).count_nonfinite() == 4


def dims(*shape: int) -> bytes:
    return b"\x3a" + bytes([len(shape_bytes(shape))]) + shape_bytes(shape)


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (dims(2**40, 2**40), "1099511627776 x 1099511627776 = 1,208,925,819,614,629,174,706,176"),
        (dims(-1, -4) + b"\x2a\x10" + bytes(16), r"negative dimension: \[-1, -4\]"),
        (dims(3) + b"\x2a\x10" + bytes(16), "is 3 = 3 numbers, but holds 4"),
        (dims(4) + b"\x2a\x0e" + bytes(14), "fill 14 bytes, which is no multiple of 4"),
        (dims(*[1] * 33), "more than 32 axes"),
        (b"", "is scalar = 1 numbers, but holds 0"),
        (dims(2) + b"\x5a\x02hi", "packed_data, a dialect of Caffe's OpenCL branch"),
        (dims(2) + b"\x50\x03\x62\x02hi", "raw_data at byte .* is of type 3, not a float type"),
        (dims(2) + b"\x62\x04abcd", "is of type None"),
        (dims(2) + b"\x50\x02\x62\x05abcde", "fill 5 bytes, which is no multiple of 2"),
        (b"\x3a\x02\x0a\x05", "the field at byte .* needs 5 bytes, but only 0 are left"),
        (b"\x3a\x02\x0a\xff", "the number at byte .* is cut"),
        (b"\x08", "the number at byte .* is cut"),
    ],
)
def test_a_bad_blob_names_file_layer_blob_and_byte(
    tmp_path: Path, blob: bytes, problem: str
) -> None:
    with pytest.raises(FormatError, match=problem) as caught:
        opened(tmp_path, blob)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'net.caffemodel'}: layer 'ip': blob 0: ")
    assert "byte" in text
    assert "\n" not in text
