"""Protobuf's wire format, read straight from a buffer.

Caffe's weights are too big for protobuf: it copies every float, stops at 2 GiB, and says of any
damage only that there is some. This reader walks one level of one message at a time, without
recursion, touches no payload, and knows the offset of whatever is wrong.
"""

from __future__ import annotations

import mmap
from typing import Iterator, NamedTuple, Union

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats.file_reference import FileReference

Buffer = Union[bytes, memoryview, mmap.mmap]
Bytes = Union[Buffer, FileReference]
"""Bytes, or the file that they lie in, which is looked at when they are needed."""


def buffer_of(data: Bytes) -> Buffer:
    """Return bytes, mapping the file that they lie in.

    Raises:
        FormatError: The file is gone, or is another one by now.
    """
    return data.mapped() if isinstance(data, FileReference) else data


VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {FIXED64: 8, FIXED32: 4}
_VARINT_BYTES = 10
_LAST_FIELD_NUMBER = (1 << 29) - 1
_LONGEST_LOOK = 1 << 20


class WireField(NamedTuple):
    """One field of a message, or a run of equal fixed-width fields.

    Attributes:
        number: The field's number in the schema.
        wire: Its wire type.
        at: Offset of its tag.
        start: Offset of its payload.
        stop: Offset behind the field, or behind the run.
        value: The number, when it is a varint.
        repeats: How many fields the run has; their payloads lie `stride` bytes apart.
        stride: Bytes from one payload of the run to the next.
    """

    number: int
    wire: int
    at: int
    start: int
    stop: int
    value: int = 0
    repeats: int = 1
    stride: int = 0


def read_varint(data: Buffer, start: int, stop: int) -> tuple[int, int]:
    """Read an unsigned varint and return it with the offset behind it.

    Raises:
        FormatError: It does not end before `stop`, or after ten bytes.
    """
    value = 0
    for place, position in enumerate(range(start, min(stop, start + _VARINT_BYTES))):
        byte = data[position]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position + 1
    what = "is cut" if stop - start < _VARINT_BYTES else "has more than ten bytes"
    raise FormatError(f"the number at byte {start} {what}")


def signed(value: int) -> int:
    """The int64 that protobuf wrote as the unsigned `value`."""
    return value - (1 << 64) if value >> 63 else value


def varints(data: Buffer, start: int, stop: int) -> Iterator[int]:
    """Each signed number of a packed field.

    Raises:
        FormatError: The last one is cut.
    """
    while start < stop:
        value, start = read_varint(data, start, stop)
        yield signed(value)


def fields(data: Buffer, start: int, stop: int) -> Iterator[WireField]:
    """Each field of the message in ``data[start:stop]``, in the order of the file.

    Raises:
        FormatError: The bytes are no protobuf message.
    """
    while start < stop:
        field = _read_field(data, start, stop)
        yield field
        start = field.stop


def _read_field(data: Buffer, at: int, stop: int) -> WireField:
    tag, start = read_varint(data, at, stop)
    number, wire = tag >> 3, tag & 7
    if not 0 < number <= _LAST_FIELD_NUMBER:
        raise FormatError(f"field number {number} at byte {at} does not exist")
    if wire == VARINT:
        value, end = read_varint(data, start, stop)
        return WireField(number, wire, at, start, end, value)
    if wire == LENGTH:
        length, start = read_varint(data, start, stop)
        _require(length, at, start, stop)
        return WireField(number, wire, at, start, start + length)
    if wire not in _FIXED_SIZE:
        raise FormatError(f"field {number} at byte {at} has wire type {wire}, unknown to Caffe")
    size = _FIXED_SIZE[wire]
    _require(size, at, start, stop)
    stride = start - at + size
    count = _run_length(data, at, stop, stride) if start - at == 1 else 1
    return WireField(number, wire, at, start, at + count * stride, 0, count, stride)


def _require(length: int, at: int, start: int, stop: int) -> None:
    if length > stop - start:
        raise FormatError(
            f"the field at byte {at} needs {length:,} bytes, but only {stop - start:,} are left"
        )


def _run_length(data: Buffer, at: int, stop: int, stride: int) -> int:
    """How many fields with the tag byte at `at` follow each other, `stride` bytes apart."""
    tag = data[at]
    longest = (stop - at) // stride
    if longest < 2 or data[at + stride] != tag:
        return 1
    tags = np.frombuffer(data, np.uint8)[at : at + longest * stride : stride]
    count, look = 2, 64
    while count < longest:
        others = np.flatnonzero(tags[count : count + look] != tag)
        if len(others):
            return count + int(others[0])
        count, look = min(count + look, longest), min(2 * look, _LONGEST_LOOK)
    return count


def encode_varint(value: int) -> bytes:
    """The varint that protobuf writes for a number in [-2**63, 2**64)."""
    value &= 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_tag(number: int, wire: int) -> bytes:
    """The tag of a field."""
    return encode_varint(number << 3 | wire)


def encode_prefix(number: int, length: int) -> bytes:
    """What stands before a payload of `length` bytes: the tag and the length."""
    return encode_tag(number, LENGTH) + encode_varint(length)


def encode_bytes(number: int, payload: bytes) -> bytes:
    """A whole field that holds a string or a message."""
    return encode_prefix(number, len(payload)) + payload
