"""What a prototxt says, without how it is laid out: the text by which a net is known again.

Comments, white space, quotes, separators, lists in brackets, the order of fields of different
names and the spelling of numbers make no difference to Caffe, and none here.
"""

from __future__ import annotations

from typing import Iterator, Sequence

from netsurgery.formats.prototxt.tokens import (
    decode,
    is_string,
    parse_float,
    parse_integer,
    quote,
    unquote,
)
from netsurgery.formats.prototxt.tree import Field, Message

_EXACT = 1 << 53
"""Integers up to here are floats too."""


def structure_of(data: bytes, fields: Sequence[Field]) -> bytes:
    """Return fields of a document in one spelling: what says the same is the same.

    Args:
        data: The document.
        fields: Some of its fields, in order.
    """
    return b"".join(_written(data, fields))


def _written(data: bytes, fields: Sequence[Field]) -> Iterator[bytes]:
    # A stable sort: fields of one name stay in their order, which counts.
    for field in sorted(fields, key=lambda one: one.name):
        name = field.name.encode()
        for value in field.values:
            if isinstance(value, Message):
                yield name + b"{"
                yield from _written(data, value.fields)
                yield b"}"
            else:
                yield b"%s:%s;" % (name, _scalar(data[value.start : value.end]))


def _scalar(lexeme: bytes) -> bytes:
    if is_string(lexeme):
        return quote(decode(unquote(lexeme)))
    for parse in (parse_integer, parse_float):
        try:
            number = parse(lexeme)
        except ValueError:
            continue
        small = isinstance(number, float) or abs(number) <= _EXACT
        return repr(float(number) if small else number).encode()
    return lexeme
