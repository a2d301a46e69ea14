"""A protobuf message as prototxt, the way a person would write it."""

from __future__ import annotations

from typing import Any

from netsurgery.formats.prototxt.tokens import quote


def one_line(message: Any) -> str:
    """Return the fields of ``message`` on one line: ``lr_mult: 1 decay_mult: 0``."""
    parts = []
    for field, value in message.ListFields():
        values = value if hasattr(value, "extend") else (value,)
        parts += [_field(field, one) for one in values]
    return " ".join(parts)


def _field(field: Any, value: Any) -> str:
    if field.message_type is not None:
        return f"{field.name} {{ {one_line(value)} }}"
    if field.enum_type is not None:
        return f"{field.name}: {field.enum_type.values_by_number[value].name}"
    if isinstance(value, str):
        return f"{field.name}: {quote(value).decode()}"
    if isinstance(value, bool):
        return f"{field.name}: {str(value).lower()}"
    return f"{field.name}: {value:.9g}" if isinstance(value, float) else f"{field.name}: {value}"
