"""BlobProto, in every dialect that Caffe and its forks have written."""

from __future__ import annotations

import math
from itertools import islice
from typing import Iterator

from netsurgery.errors import FormatError
from netsurgery.formats.blob import Blob, Runs
from netsurgery.formats.caffemodel.wire import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    Buffer,
    WireField,
    fields,
    signed,
    varints,
)

_MOST_AXES = 32  # Caffe's kMaxBlobAxes
LEGACY_AXES = (1, 2, 3, 4)
DATA, _DIFF, SHAPE, DOUBLE_DATA, _DOUBLE_DIFF = 5, 6, 7, 8, 9
# (field number, wire type)
_C3D_WIDTH, _RAW_TYPE = (DATA, VARINT), (10, VARINT)
_PACKED_DATA, _RAW_DATA = (11, LENGTH), (12, LENGTH)
_SINGLE = {
    *((axis, VARINT) for axis in LEGACY_AXES),
    _C3D_WIDTH,
    _RAW_TYPE,
    _PACKED_DATA,
    _RAW_DATA,
}
_NUMBERS = {DATA: "<f4", _DIFF: "<f4", DOUBLE_DATA: "<f8", _DOUBLE_DIFF: "<f8"}
_WIRE_OF = {"<f4": FIXED32, "<f8": FIXED64}
RAW_TYPE, RAW_DATA = _RAW_TYPE[0], _RAW_DATA[0]
# NVIDIA's enum Type, which OpenCV's half-precision files use too.
RAW_FLOAT16 = 2
_RAW_DTYPES = {0: "<f8", 1: "<f4", RAW_FLOAT16: "<f2"}
_C3D_NOTE = "shifted by one axis, as C3D v1.0 stores them"
_DIFF_NOTE = "the values are its diff: it has no data, and Caffe itself would refuse it"


def read_blob(data: Buffer, start: int, stop: int) -> Blob:
    """Read the BlobProto in ``data[start:stop]``; its numbers are not touched.

    The numbers are what Caffe would load: ``double_data`` before ``data`` before NVIDIA's
    ``raw_data``. Where there is only a diff, the blob holds that and says so in its note.

    Raises:
        FormatError: The bytes are no blob, or shape and numbers disagree.
    """
    message = _Message(data, start)
    for field in fields(data, start, stop):
        message.take(field)
    return message.blob()


class _Message:
    """The fields of one BlobProto, gathered before it is known which dialect it is."""

    def __init__(self, data: Buffer, at: int) -> None:
        self.data = data
        self.at = at
        self.runs = {number: Runs(data, dtype) for number, dtype in _NUMBERS.items()}
        self.shapes: list[WireField] = []
        self.single: dict[tuple[int, int], WireField] = {}

    def take(self, field: WireField) -> None:
        number, wire = kind = field[:2]
        if kind in _SINGLE:
            self.single[kind] = field
        elif number in _NUMBERS and wire in (LENGTH, _WIRE_OF[_NUMBERS[number]]):
            self._take_numbers(field)
        elif kind == (SHAPE, LENGTH) and len(self.shapes) <= _MOST_AXES:
            self.shapes.append(field)

    def _take_numbers(self, field: WireField) -> None:
        runs = self.runs[field.number]
        if field.wire == LENGTH:
            _add_packed(runs, field)
        else:
            runs.add(field.start, field.repeats, field.stride)

    def blob(self) -> Blob:
        shape = self._shape()
        runs, note = self._values()
        expected = math.prod(shape)
        if runs.count != expected:
            self._refuse_count(shape, expected, runs.count)
        return Blob(shape, runs, legacy=self._legacy() and not self._shifted(), note=note)

    def _shifted(self) -> bool:
        """Whether this is C3D's blob, whose fifth field is its width and not its data."""
        return _C3D_WIDTH in self.single

    def _legacy(self) -> bool:
        return any((axis, VARINT) in self.single for axis in LEGACY_AXES)

    def _shape(self) -> tuple[int, ...]:
        if self._shifted():
            shape = [self._axis(axis) for axis in (*LEGACY_AXES, DATA)]
        elif self._legacy():
            shape = [self._axis(axis) for axis in LEGACY_AXES]
        else:
            shape = list(islice(self._dims(), _MOST_AXES + 1))
        if max(len(shape), len(self.shapes)) > _MOST_AXES:
            raise FormatError(f"the blob at byte {self.at} has more than {_MOST_AXES} axes")
        if any(dim < 0 for dim in shape):
            raise FormatError(f"the blob at byte {self.at} has a negative dimension: {shape}")
        return tuple(shape)

    def _axis(self, number: int) -> int:
        field = self.single.get((number, VARINT))
        return signed(field.value) if field else 0

    def _dims(self) -> Iterator[int]:
        for shape in self.shapes:
            for field in fields(self.data, shape.start, shape.stop):
                if field.number == 1 and field.wire == VARINT:
                    yield signed(field.value)
                elif field.number == 1 and field.wire == LENGTH:
                    yield from varints(self.data, field.start, field.stop)

    def _values(self) -> tuple[Runs, str]:
        """The numbers Caffe would load, and what is to be said of them."""
        if self._shifted():
            return self.runs[_DIFF], _C3D_NOTE
        for number in (DOUBLE_DATA, DATA):
            if self.runs[number].count:
                return self.runs[number], ""
        if _RAW_DATA in self.single:
            values = self._raw_values()
            return values, f"{values.dtype.name} in raw_data, as NVIDIA's fork stores them"
        for number in (_DIFF, _DOUBLE_DIFF):
            if self.runs[number].count:
                return self.runs[number], _DIFF_NOTE
        return self.runs[DATA], ""

    def _raw_values(self) -> Runs:
        field = self.single[_RAW_DATA]
        raw_type = self.single[_RAW_TYPE].value if _RAW_TYPE in self.single else None
        if raw_type not in _RAW_DTYPES:
            raise FormatError(
                f"the raw_data at byte {field.start} is of type {raw_type}, not a float type"
            )
        runs = Runs(self.data, _RAW_DTYPES[raw_type])
        _add_packed(runs, field)
        return runs

    def _refuse_count(self, shape: tuple[int, ...], expected: int, count: int) -> None:
        size = " x ".join(map(str, shape)) or "scalar"
        problem = (
            f"the blob at byte {self.at} is {size} = {expected:,} numbers, but holds {count:,}"
        )
        if count == 0 and _PACKED_DATA in self.single:
            raise FormatError(
                f"{problem}: they are in packed_data, a dialect of Caffe's OpenCL branch",
                remedy="save the net with that Caffe in float32",
            )
        raise FormatError(problem)


def _add_packed(runs: Runs, field: WireField) -> None:
    size = field.stop - field.start
    count, rest = divmod(size, runs.dtype.itemsize)
    if rest:
        raise FormatError(
            f"the numbers at byte {field.start} fill {size:,} bytes, "
            f"which is no multiple of {runs.dtype.itemsize}"
        )
    runs.add(field.start, count)
