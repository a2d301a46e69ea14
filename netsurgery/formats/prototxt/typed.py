"""Turn a block of a prototxt into a protobuf message, straight from the tree.

protobuf's own text reader knows no unknown fields without dropping them in silence, has
other rules than Caffe's C++ reader, and refuses text that is not UTF-8.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.tokens import (
    is_string,
    parse_boolean,
    parse_float,
    parse_integer,
    parse_unsigned,
    unquote,
)
from netsurgery.formats.prototxt.tree import Field, Message, Scalar, Value

# Nobody extends these, so another word is a mistake and not a fork's.
_CLOSED_ENUMS = ("caffe.Phase",)
_INTEGER_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_ARTICLES = {"float": "a number", "double": "a number", "bool": "true or false"}


class _UnknownWordError(Exception):
    """A value that the schema does not know, such as a fork's word of an enum."""


class Unknown(NamedTuple):
    """A field that the schema does not know, or whose value it does not know.

    Attributes:
        path: Its dotted path.
        field: Where it stands.
    """

    path: str
    field: Field


class Converter:
    """Fills messages from blocks of one source.

    Attributes:
        unknown: What the schema does not know, in order of appearance.
    """

    def __init__(self, source: SourceText, layer: Optional[str] = None) -> None:
        self.source = source
        self.layer = layer
        self.unknown: List[Unknown] = []

    def fill(self, message: Any, block: Message, path: str = "") -> Any:
        """Set the fields of ``message`` that stand in ``block`` and return it.

        Raises:
            FormatError: A value has a type that Caffe would refuse.
        """
        known, required = _fields_of(message.DESCRIPTOR)
        seen: Dict[str, int] = {}
        for field in block.fields:
            descriptor = known.get(field.name)
            if descriptor is None:
                self.unknown.append(Unknown(path + field.name, field))
                continue
            if not is_repeated(descriptor):
                self._check_single(field, seen)
            for value in field.values:
                self._set(message, descriptor, value, field, path)
        for name in required:
            if name not in seen:
                raise self.error(block.start, f"{path}{name} is missing", "add it")
        return message

    def _check_single(self, field: Field, seen: Dict[str, int]) -> None:
        if field.listed:
            raise self.error(field.start, f"{field.name} takes one value, not a list")
        if field.name in seen:
            line, _ = self.source.place(seen[field.name])
            raise self.error(
                field.start, f"{field.name} is given twice (first on line {line})", "remove one"
            )
        seen[field.name] = field.start

    def _set(self, message: Any, descriptor: Any, value: Value, field: Field, path: str) -> None:
        name, kind = descriptor.name, _kind(descriptor)
        if kind == "message":
            if isinstance(value, Scalar):
                raise self.error(value.start, f"{name} takes a block in braces")
            target = getattr(message, name)
            target = target.add() if is_repeated(descriptor) else target
            target.SetInParent()
            self.fill(target, value, f"{path}{name}.")
            return
        try:
            converted = self.scalar(descriptor, kind, value)
        except _UnknownWordError:
            self.unknown.append(Unknown(path + name, field))
            return
        if is_repeated(descriptor):
            getattr(message, name).append(converted)
        else:
            setattr(message, name, converted)

    def scalar(self, descriptor: Any, kind: str, value: Value) -> Any:
        """Convert one value to what protobuf takes for the field."""
        name = descriptor.name
        if isinstance(value, Message):
            raise self.error(value.start, f"{name} takes a single value, not a block")
        lexeme = self.source.data[value.start : value.end]
        if kind == "string":
            if not is_string(lexeme):
                raise self.error(
                    value.start, f"{name} takes a string, not {_shown(lexeme)}", "quote it"
                )
            return unquote(lexeme).decode("utf-8", "replace")
        if kind == "enum":
            return self._enum(descriptor, lexeme, value.start)
        try:
            return _SCALARS[kind](lexeme)
        except ValueError:
            wanted = _ARTICLES.get(kind, "an integer")
            remedy = "remove the quotes" if is_string(lexeme) else None
            raise self.error(
                value.start, f"{name} takes {wanted}, not {_shown(lexeme)}", remedy
            ) from None
        except OverflowError:
            problem = f"{name} is a {kind}, which cannot hold {_shown(lexeme)}"
            raise self.error(value.start, problem) from None

    def _enum(self, descriptor: Any, lexeme: bytes, offset: int) -> int:
        enum = descriptor.enum_type
        word = lexeme.decode("latin-1")
        if word in enum.values_by_name:
            return enum.values_by_name[word].number
        words = ", ".join(value.name for value in enum.values)
        wrong = f"{descriptor.name} takes one of {words}, not {_shown(lexeme)}"
        if is_string(lexeme):
            raise self.error(offset, wrong, "remove the quotes")
        if lexeme[:1].isalpha():
            if enum.full_name in _CLOSED_ENUMS or word.upper() in enum.values_by_name:
                raise self.error(offset, wrong)
            raise _UnknownWordError
        try:
            number = parse_integer(lexeme)
        except ValueError:
            raise self.error(offset, wrong) from None
        if number in enum.values_by_number:
            return number
        if enum.full_name in _CLOSED_ENUMS:
            raise self.error(offset, wrong)
        raise _UnknownWordError

    def error(self, offset: int, problem: str, remedy: Optional[str] = None) -> FormatError:
        """Make the error for what stands at ``offset``."""
        return self.source.error(offset, problem, remedy, layer=self.layer)


def _shown(lexeme: bytes) -> str:
    text = lexeme.decode("utf-8", "replace")
    return text if len(text) <= 40 else text[:37] + "..."


def _checked_integer(kind: str) -> Any:
    low, high = _INTEGER_RANGES[kind]

    def parse(lexeme: bytes) -> int:
        value = parse_integer(lexeme) if low else parse_unsigned(lexeme)
        if not low <= value <= high:
            raise OverflowError
        return value

    return parse


_SCALARS: Dict[str, Any] = {
    **{kind: _checked_integer(kind) for kind in _INTEGER_RANGES},
    "float": parse_float,
    "double": parse_float,
    "bool": parse_boolean,
}


def _kinds(descriptor: Any) -> Dict[int, str]:
    return {
        descriptor.TYPE_INT32: "int32",
        descriptor.TYPE_INT64: "int64",
        descriptor.TYPE_UINT32: "uint32",
        descriptor.TYPE_UINT64: "uint64",
        descriptor.TYPE_FLOAT: "float",
        descriptor.TYPE_DOUBLE: "double",
        descriptor.TYPE_BOOL: "bool",
        descriptor.TYPE_STRING: "string",
        descriptor.TYPE_ENUM: "enum",
        descriptor.TYPE_MESSAGE: "message",
    }


_Fields = Tuple[Dict[str, Any], Tuple[str, ...]]
_field_tables: Dict[str, _Fields] = {}
_kind_of: Dict[int, str] = {}


def _fields_of(descriptor: Any) -> _Fields:
    """A message's fields by name, and the names of those that it must have."""
    table = _field_tables.get(descriptor.full_name)
    if table is None:
        required = tuple(field.name for field in descriptor.fields if is_required(field))
        table = {field.name: field for field in descriptor.fields}, required
        _field_tables[descriptor.full_name] = table
    return table


def _kind(descriptor: Any) -> str:
    if not _kind_of:
        _kind_of.update(_kinds(descriptor))
    return _kind_of[descriptor.type]


def is_required(descriptor: Any) -> bool:
    """Whether a message is nothing without this field."""
    required = getattr(descriptor, "is_required", None)
    return descriptor.label == descriptor.LABEL_REQUIRED if required is None else required


def is_repeated(descriptor: Any) -> bool:
    """Whether a field of a message may stand more than once."""
    # protobuf 7 warns about `label`, and 3.20 has no `is_repeated`.
    repeated = getattr(descriptor, "is_repeated", None)
    return descriptor.label == descriptor.LABEL_REPEATED if repeated is None else repeated


def convert(
    message: Any, block: Message, source: SourceText, layer: Optional[str] = None
) -> Tuple[Any, Tuple[Unknown, ...]]:
    """Fill ``message`` from ``block``; also return what the schema does not know.

    Raises:
        FormatError: A value has a type that Caffe would refuse.
    """
    converter = Converter(source, layer)
    converter.fill(message, block)
    return message, tuple(converter.unknown)
