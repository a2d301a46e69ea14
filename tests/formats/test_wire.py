"""The wire scanner against protobuf's own encoder."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from weight_files import UNPACKED_BLOB, net_message, seeded

from netsurgery.errors import FormatError
from netsurgery.formats import schema
from netsurgery.formats.caffemodel import wire

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(INT64))
def test_varints_are_what_protobuf_wrote(numbers: list[int]) -> None:
    shape = schema.message_class("BlobShape")(dim=numbers).SerializeToString()
    assert [n for f in wire.fields(shape, 0, len(shape)) for n in read_dims(shape, f)] == numbers


def read_dims(data: bytes, field: wire.Field) -> list[int]:
    return list(wire.varints(data, field.start, field.stop))


@given(st.lists(INT64))
def test_protobuf_reads_the_varints_we_write(numbers: list[int]) -> None:
    packed = b"".join(wire.encode_varint(number) for number in numbers)
    shape = schema.message_class("BlobShape").FromString(wire.encode_bytes(1, packed))
    assert list(shape.dim) == numbers


@given(st.integers(1, 2**29 - 1), st.binary(max_size=300))
def test_fields_round_trip(number: int, payload: bytes) -> None:
    data = b"\x08\x01" + wire.encode_bytes(number, payload)
    _, field = wire.fields(data, 0, len(data))
    assert (field.number, field.wire, field.at) == (number, wire.LENGTH, 2)
    assert data[field.start : field.stop] == payload


def test_fields_cover_a_message_without_gaps() -> None:
    data = net_message({"a": [seeded(3, 4)], "b": [seeded(2)]}).SerializeToString()
    fields = list(wire.fields(data, 0, len(data)))
    assert [field.at for field in fields] == [0, *(field.stop for field in fields[:-1])]
    assert fields[-1].stop == len(data)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 66, 67, 1000])
def test_equal_fixed_fields_are_one_run(count: int) -> None:
    blob = UNPACKED_BLOB(data=range(count), double_data=range(count)).SerializeToString()
    data = blob + UNPACKED_BLOB(data=[0.5]).SerializeToString()
    found = [(f.number, f.repeats, f.stride, f.stop) for f in wire.fields(data, 0, len(data))]
    assert found == [
        (5, count, 5, 5 * count),
        (8, count, 9, 14 * count),
        (5, 1, 5, 14 * count + 5),
    ]


def test_a_run_ends_with_its_message() -> None:
    data = UNPACKED_BLOB(data=range(9)).SerializeToString()
    assert [f.repeats for f in wire.fields(data, 0, 20)] == [4]
    with pytest.raises(FormatError, match="the field at byte 20 needs 4 bytes"):
        list(wire.fields(data, 0, 22))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x08", "the number at byte 1 is cut"),
        (b"\x08\x01\x80", "the number at byte 2 is cut"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "the number at byte 1 has more than ten bytes"),
        (b"\x0a\x05abc", "the field at byte 0 needs 5 bytes, but only 3 are left"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "needs 18,446,744,073,709,551,615"),
        (b"\x0d\x00\x00", "the field at byte 0 needs 4 bytes, but only 2 are left"),
        (b"\x09\x00\x00", "the field at byte 0 needs 8 bytes"),
        (b"\x08\x01\x03", "field number 0 at byte 2 does not exist"),
        (b"\x80\x80\x80\x80\x10\x00", "field number 536870912 at byte 0 does not exist"),
        (b"\x0b\x0c", "field 1 at byte 0 has wire type 3"),
        (b"\x0f", "field 1 at byte 0 has wire type 7"),
    ],
)
def test_damage_is_named_with_its_offset(data: bytes, problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        list(wire.fields(data, 0, len(data)))


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_a_format_error(data: bytes) -> None:
    try:
        fields = list(wire.fields(data, 0, len(data)))
    except FormatError:
        return
    assert sum(field.stop - field.at for field in fields) == len(data)
