"""White space of a prototxt: where lines end, how deep they are indented, what goes with a cut."""

from __future__ import annotations

import re
from typing import Tuple

_indent = re.compile(rb"[ \t]*")
_rest_of_line = re.compile(rb"[ \t]*(\r\n|\n|\r|\Z)")
_newline = re.compile(rb"\r\n|\n|\r")
_blank_lines = re.compile(rb"(?:[ \t]*(?:\r\n|\n|\r))*")
_blank_before = re.compile(rb"(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)\Z")
_separator = re.compile(rb"[ \t]*[,;]")
_behind_field = re.compile(rb"(?:[ \t]*[,;])?(?:[ \t]*#[^\r\n]*)?")
_comment_behind = re.compile(rb"[ \t]*[,;]?[ \t]*(#[^\r\n]*)")


def line_start(data: bytes, offset: int) -> int:
    """Offset of the first byte of the line that ``offset`` is in."""
    after_feed = data.rfind(b"\n", 0, offset) + 1
    after_return = data.rfind(b"\r", after_feed, offset) + 1
    return max(after_feed, after_return)


def indentation(data: bytes, offset: int) -> bytes:
    """The blanks that the line of ``offset`` starts with."""
    start = line_start(data, offset)
    found = _indent.match(data, start, max(offset, start))
    return found.group() if found else b""


def starts_line(data: bytes, offset: int) -> bool:
    """Whether only blanks stand before ``offset`` on its line."""
    return line_start(data, offset) + len(indentation(data, offset)) == offset


def ends_line(data: bytes, offset: int) -> bool:
    """Whether only blanks stand behind ``offset`` on its line."""
    return _rest_of_line.match(data, offset) is not None


def newline_of(data: bytes, offset: int = 0) -> bytes:
    r"""The line end to use at ``offset``: ``\r\n`` or ``\n``, as a lone ``\r`` ends no comment."""
    found = _newline.search(data, offset) or _newline.search(data)
    return b"\r\n" if found and found.group() == b"\r\n" else b"\n"


def end_of_field(data: bytes, end: int) -> int:
    """Offset behind the separator and the comment that follow a field on its line."""
    return _behind_field.match(data, end).end()  # type: ignore[union-attr]


def comment_behind(data: bytes, end: int) -> bytes:
    """The comment that stands behind ``end`` on its line, or nothing."""
    found = _comment_behind.match(data, end)
    return found.group(1) if found else b""


def cut(data: bytes, start: int, end: int) -> Tuple[int, int]:
    """Widen the range of a field to what goes with it when it is removed.

    That is its separator and, if nothing else is on its lines, those lines; a blank line
    behind it goes too if another one stands in front.
    """
    separator = _separator.match(data, end)
    end = separator.end() if separator else end
    if not starts_line(data, start):
        before = len(data[line_start(data, start) : start].rstrip(b" \t"))
        blank_before = line_start(data, start) + before
        return (blank_before, end) if blank_before < start else (start, _skip_blanks(data, end))
    behind = _rest_of_line.match(data, end)
    if behind is None:
        return start, _skip_blanks(data, end)
    start, end = line_start(data, start), behind.end()
    if _blank_before.search(data, max(0, start - 200), start) or start == 0:
        end = _blank_lines.match(data, end).end()  # type: ignore[union-attr]
    return start, end


def _skip_blanks(data: bytes, offset: int) -> int:
    return _indent.match(data, offset).end()  # type: ignore[union-attr]
