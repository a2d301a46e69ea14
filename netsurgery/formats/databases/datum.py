"""The records of Caffe's databases: a Datum is an image, as pixels or as a JPEG, and its class."""

from __future__ import annotations

from math import prod
from typing import NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats.caffemodel.wire import VARINT, Buffer, fields, signed
from netsurgery.formats.schema import message_class

_Datum = message_class("Datum")
_LABEL = _Datum.DESCRIPTOR.fields_by_name["label"].number


class Datum(NamedTuple):
    """A record of a database.

    Attributes:
        pixels: uint8 or float32 of shape (C, H, W), or None for an encoded image.
        encoded: The bytes of the encoded image, or none.
    """

    pixels: Optional[np.ndarray]
    encoded: bytes = b""


def read_datum(data: Buffer) -> Datum:
    """Read a record.

    Raises:
        FormatError: It is no Datum.
    """
    from google.protobuf.message import DecodeError

    try:
        message = _Datum.FromString(bytes(data))
    except DecodeError:
        raise FormatError("is no Datum") from None
    if message.encoded:
        return Datum(None, message.data)
    return Datum(_pixels(message, (message.channels, message.height, message.width)))


def _pixels(message: object, shape: Tuple[int, int, int]) -> np.ndarray:
    data, numbers = message.data, message.float_data  # type: ignore[attr-defined]
    pixels = np.frombuffer(data, np.uint8) if data else np.array(numbers, np.float32)
    if not pixels.size or min(shape) < 0 or pixels.size != prod(shape):
        raise FormatError(f"has {pixels.size} numbers for {shape} channels, rows and columns")
    return pixels.reshape(shape)


def read_label(data: Buffer) -> int:
    """Return the class of a record, 0 if it has none, without touching its image.

    Raises:
        FormatError: It is no protobuf message.
    """
    label = 0
    for field in fields(data, 0, len(data)):
        if field.number == _LABEL and field.wire == VARINT:
            label = signed(field.value)
    return label
