"""Random protobuf messages for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from netsurgery.formats.prototxt.typed import is_repeated, is_required

SCALARS = {
    "CPPTYPE_INT32": st.integers(-(2**31), 2**31 - 1),
    "CPPTYPE_INT64": st.integers(-(2**63), 2**63 - 1),
    "CPPTYPE_UINT32": st.integers(0, 2**32 - 1),
    "CPPTYPE_UINT64": st.integers(0, 2**64 - 1),
    "CPPTYPE_FLOAT": st.floats(width=32),
    "CPPTYPE_DOUBLE": st.floats(),
    "CPPTYPE_BOOL": st.booleans(),
    # protobuf 3.20 prints a NUL as it is, which no C++ protobuf reads back.
    "CPPTYPE_STRING": st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
    ),
}


def values_of(field: Any) -> st.SearchStrategy:
    """Values for a field that is no message."""
    for name, strategy in SCALARS.items():
        if field.cpp_type == getattr(field, name):
            return strategy
    return st.sampled_from(sorted(field.enum_type.values_by_number))


@st.composite
def filled(draw: st.DrawFn, message: Any, size: int = 5) -> Any:
    """The message with some of its fields set at random."""
    known = {field.name: field for field in message.DESCRIPTOR.fields}
    some = st.lists(st.sampled_from(sorted(known)), max_size=size, unique=True)
    names = draw(some) if known else []
    required = {name for name, field in known.items() if is_required(field)}
    for field in map(known.get, sorted(required.union(names))):
        if field.message_type is not None:
            target = getattr(message, field.name)
            target = target.add() if is_repeated(field) else target
            draw(filled(target))
            target.SetInParent()
        elif is_repeated(field):
            getattr(message, field.name).extend(draw(st.lists(values_of(field), max_size=3)))
        else:
            setattr(message, field.name, draw(values_of(field)))
    return message
