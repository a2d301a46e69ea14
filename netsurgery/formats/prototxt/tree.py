"""A prototxt as a tree of byte ranges: nothing is copied, so nothing can be lost."""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Sequence, Tuple, Union

from netsurgery.formats.prototxt.syntax_errors import (
    PrototxtSyntaxError,
    diagnose_field,
    diagnose_item,
)
from netsurgery.formats.prototxt.tokens import BOM, IDENTIFIER, SCALAR, TRIVIA, skip_trivia

MAX_DEPTH = 100


class Scalar:
    """A string, number or identifier.

    Attributes:
        start: Offset of its first byte.
        end: Offset behind its last byte; strings side by side are one value.
    """

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Message:
    """A block in braces, or the whole file.

    Attributes:
        start: Offset of the opening brace.
        end: Offset behind the closing one.
        fields: What stands in it, in order.
    """

    __slots__ = ("end", "fields", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.fields: List[Field] = []

    def all(self, name: str) -> Iterator[Field]:
        """Yield the fields called ``name``."""
        return (field for field in self.fields if field.name == name)

    def values(self, name: str) -> Iterator[Value]:
        """Yield the values of all fields called ``name``, also those in lists."""
        return (value for field in self.all(name) for value in field.values)

    def messages(self, name: str) -> Iterator[Message]:
        """Yield the blocks called ``name``."""
        return (value for value in self.values(name) if isinstance(value, Message))


Value = Union[Scalar, Message]


class Field:
    """A named value, or several as ``name: [a, b]``.

    Attributes:
        name: As written; an extension keeps its brackets.
        start: Offset of the name.
        end: Offset behind the value, before a ``,`` or ``;``.
        values: One value, or those of the list.
        listed: Whether the values stand in ``[`` and ``]``.
    """

    __slots__ = ("end", "listed", "name", "start", "values")

    def __init__(
        self, name: str, start: int, end: int, values: Sequence[Value], listed: bool = False
    ) -> None:
        self.name = name
        self.start = start
        self.end = end
        self.values = values
        self.listed = listed


_match_field = re.compile(
    rb"%(t)s(?:(%(i)s|\[[A-Za-z0-9_./ -]+\])%(t)s"
    rb"(?::%(t)s(%(s)s)(?:%(t)s[,;])?|(?:(:)%(t)s)?([{<\[]))|([}>]))"
    % {b"t": TRIVIA, b"i": IDENTIFIER, b"s": SCALAR}
).match
_NAME, _SCALAR, _COLON, _OPEN, _CLOSE = range(1, 6)
# Few nets have lists: compiled when the first is met.
_ITEM = rb"%s(?:(%s)|([{<]))" % (TRIVIA, SCALAR)
_NEXT = rb"%s([,\]])" % TRIVIA
_LIST_END = rb"%s\]" % TRIVIA
_match_separator = re.compile(rb"%s[,;]" % TRIVIA).match
_CLOSER = {b"{": b"}", b"<": b">"}


class _Parser:
    """The state of a parse: the innermost open block or list, and those around it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.names: dict[bytes, str] = {}
        self.root = Message(0)
        # Innermost last: a block, and the field whose value it is. A listed field stays
        # open until its `]`.
        self.stack: List[Tuple[Message, Optional[Field]]] = [(self.root, None)]

    def run(self) -> Message:
        """Read the whole document.

        Raises:
            PrototxtSyntaxError: It is not prototxt.
        """
        data, names = self.data, self.names
        position = len(BOM) if data.startswith(BOM) else 0
        fields = self.root.fields
        while True:
            found = _match_field(data, position)
            if found is None:
                break
            kind = found.lastindex
            position = found.end()
            if kind == _CLOSE:
                position = self.close(found.start(_CLOSE))
                fields = self.stack[-1][0].fields
                continue
            raw = found.group(_NAME)
            name = names.get(raw) or names.setdefault(raw, raw.decode())
            if kind == _SCALAR:
                start, end = found.span(_SCALAR)
                fields.append(Field(name, found.start(_NAME), end, (Scalar(start, end),)))
                continue
            position = self.open(found, name)
            fields = self.stack[-1][0].fields
        return self.finish(position)

    def finish(self, position: int) -> Message:
        end = skip_trivia(self.data, position)
        if end < len(self.data):
            raise diagnose_field(self.data, end, bool(self.stack[-1][0].fields))
        if len(self.stack) > 1:
            raise PrototxtSyntaxError(
                self.stack[-1][0].start,
                "this block is not closed before the file ends",
                "the file is cut short, or a closing brace is missing",
            )
        self.root.end = end
        return self.root

    def open(self, found: re.Match[bytes], name: str) -> int:
        position = found.start(_OPEN)
        field = Field(name, found.start(_NAME), position, ())
        self.stack[-1][0].fields.append(field)
        if found.group(_OPEN) != b"[":
            self.enter(Message(position), field)
            return position + 1
        field.listed = True
        field.values = []
        if re.compile(_LIST_END).match(self.data, position + 1):
            return self.end_list(field, position + 1)
        if not found.group(_COLON):
            item = skip_trivia(self.data, position + 1)
            if self.data[item : item + 1] not in _CLOSER:
                raise PrototxtSyntaxError(position, f"a `:` is missing after `{name}`", "add it")
        return self.items(field, position + 1)

    def enter(self, message: Message, field: Field) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise PrototxtSyntaxError(
                message.start,
                f"blocks are nested deeper than {MAX_DEPTH} levels",
                "no Caffe net needs that; the file is damaged or not a prototxt",
            )
        if field.listed:
            assert isinstance(field.values, list)
            field.values.append(message)
        else:
            field.values = (message,)
        self.stack.append((message, field))

    def items(self, field: Field, position: int) -> int:
        """Read list items from ``position`` up to the end of the list, or into a block."""
        assert isinstance(field.values, list)
        while True:
            found = re.compile(_ITEM).match(self.data, position)
            if found is None:
                raise diagnose_item(self.data, position)
            if found.lastindex == 2:
                self.enter(Message(found.start(2)), field)
                return found.end()
            field.values.append(Scalar(*found.span(1)))
            position = found.end()
            after = re.compile(_NEXT).match(self.data, position)
            if after is None:
                raise diagnose_item(self.data, position, wants_comma=True)
            if after.group(1) == b"]":
                return self.end_list(field, position)
            position = after.end()

    def end_list(self, field: Field, position: int) -> int:
        bracket = skip_trivia(self.data, position)
        field.end = bracket + 1
        return self.after_separator(field.end)

    def after_separator(self, position: int) -> int:
        found = _match_separator(self.data, position)
        return found.end() if found else position

    def close(self, position: int) -> int:
        message, field = self.stack.pop()
        closer = self.data[position : position + 1]
        if field is None:
            raise PrototxtSyntaxError(position, f"`{closer.decode()}` closes nothing", "remove it")
        opener = self.data[message.start : message.start + 1]
        if _CLOSER[opener] != closer:
            raise PrototxtSyntaxError(
                position, f"`{opener.decode()}` is closed by `{closer.decode()}`", "use a pair"
            )
        message.end = position + 1
        if not field.listed:
            field.end = message.end
            return self.after_separator(message.end)
        after = re.compile(_NEXT).match(self.data, message.end)
        if after is None:
            raise diagnose_item(self.data, message.end, wants_comma=True)
        if after.group(1) == b"]":
            return self.end_list(field, message.end)
        return self.items(field, after.end())


def parse_tree(data: bytes) -> Message:
    """Parse a prototxt without recursion, in time and memory linear in its length.

    Raises:
        PrototxtSyntaxError: Caffe could not read it either; the problem holds the offset.
    """
    return _Parser(data).run()
