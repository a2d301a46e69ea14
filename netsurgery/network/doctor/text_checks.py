"""Checks of the prototxt's text: what Caffe's parser refuses, or reads otherwise than meant."""

from __future__ import annotations

import re
from typing import Any, Iterator, List, Tuple

from netsurgery.formats import (
    LayerText,
    Message,
    Scalar,
    decode,
    is_string,
)
from netsurgery.layers import layer_type
from netsurgery.network.doctor.checked_model import CheckedModel, Finding, check

# Our schema gives the fields of forks numbers from here on.
_FIRST_FORK_FIELD = 200
_OCTAL = re.compile(rb"[+-]?0[0-7]+\Z")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_CONTROL = {b"a": "bell", b"b": "backspace", b"f": "form feed", b"n": "line end"}
_CONTROL.update({b"r": "carriage return", b"t": "tab", b"v": "vertical tab"})
_FORK = "remove it, or use the fork of Caffe that has it"


@check
def unknown_fields(checked: CheckedModel) -> Iterator[Finding]:
    """Fields that stock Caffe's parser stops at, in whatever phase."""
    for path in checked.prototxt.unknown:
        yield Finding("error", None, f"stock Caffe knows no field {path}", _FORK)
    types = [
        layer for layer in checked.network.layers if not layer.layer_type.has_stock_name(layer.type)
    ]
    foreign = {layer.text.index for layer in types if layer.kind == layer.type}
    for text in checked.prototxt.layers:
        # Where the type is a fork's too, it is enough to say that.
        known = [] if text.index in foreign else _fork_fields(text.parameter)
        kind = layer_type(text.type)
        for path in (*text.unknown, *known):
            problem = f"stock Caffe knows no field or value {path}"
            yield Finding(
                "error",
                text.name,
                problem,
                kind.field_remedy(text.parameter, path) or _FORK,
                text.line,
            )


def _fork_fields(message: Any, above: str = "") -> List[str]:
    """Paths of the fields that are set and that only forks have."""
    found = []
    for field, value in message.ListFields():
        path = above + field.name
        if field.number >= _FIRST_FORK_FIELD:
            found.append(path)
        elif hasattr(value, "ListFields"):
            found += _fork_fields(value, f"{path}.")
    return found


@check
def late_fields(checked: CheckedModel) -> Iterator[Finding]:
    """What only Caffe from after the release 1.0 understands."""
    for text in checked.prototxt.layers:
        kind = layer_type(text.type)
        message = getattr(text.parameter, kind.message) if kind.late_fields else None
        late = [name for name in kind.late_fields if message.HasField(name)] if message else []
        if late or not kind.in_release:
            what = " and ".join(late) or f"the type {text.type}"
            problem = f"{what} is newer than Caffe 1.0, which refuses it"
            yield Finding("note", text.name, problem, "use a later Caffe", text.line)


@check
def octal_numbers(checked: CheckedModel) -> Iterator[Finding]:
    """Numbers with a zero in front, which C++ reads to the base of 8."""
    data = checked.prototxt.data
    for text, path, scalar in _scalars(checked):
        word = data[scalar.start : scalar.end]
        if _OCTAL.match(word):
            shown, value = decode(word), int(word, 8)
            problem = f"{path}: {shown} is read as the octal number {value}"
            yield Finding("warning", text.name, problem, "drop the zero in front", text.line)


@check
def backslashes(checked: CheckedModel) -> Iterator[Finding]:
    """Backslashes of Windows paths, which are escapes here."""
    data = checked.prototxt.data
    for text, path, scalar in _scalars(checked):
        word = data[scalar.start : scalar.end]
        found = dict.fromkeys(_ESCAPE.findall(word)) if is_string(word) else ()
        for escape in found:
            if escape in _CONTROL:
                problem = f"{path}: \\{decode(escape)} is read as a {_CONTROL[escape]}"
                yield Finding("warning", text.name, problem, "write / in paths", text.line)


def _scalars(checked: CheckedModel) -> Iterator[Tuple[LayerText, str, Scalar]]:
    """Every single value in every layer, with the path to it."""
    for text in checked.prototxt.layers:
        for path, scalar in _below(text.block):
            yield text, path, scalar


def _below(block: Message, above: str = "") -> Iterator[Tuple[str, Scalar]]:
    for field in block.fields:
        for value in field.values:
            path = above + field.name
            if isinstance(value, Message):
                yield from _below(value, f"{path}.")
            else:
                yield path, value
