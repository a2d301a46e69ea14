"""Edits of a text by byte ranges, collected and done in one go."""

from __future__ import annotations

import re
from typing import List, Tuple

from netsurgery.formats.prototxt import layout
from netsurgery.formats.prototxt.tree import Field

_between = re.compile(rb"[ \t,;]*")

Edit = Tuple[int, int, bytes]


class Edits:
    """What to put in the place of which byte ranges of ``data``."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.edits: List[Edit] = []

    def replace(self, start: int, end: int, new: bytes) -> None:
        """Put ``new`` in the place of a range, or before ``start`` if that is empty."""
        self.edits.append((start, end, new))

    def remove_field(self, start: int, end: int) -> None:
        """Take a field out, with its separator, and its lines if nothing else is on them."""
        self.edits.append((*layout.cut(self.data, start, end), b""))

    def remove(self, *fields: Field) -> None:
        """Take fields out in the same way; those side by side on a line go as one."""
        spans: List[Tuple[int, int]] = []
        for field in fields:
            if spans and _between.fullmatch(self.data, spans[-1][1], field.start):
                spans[-1] = spans[-1][0], field.end
            else:
                spans.append((field.start, field.end))
        for start, end in spans:
            self.remove_field(start, end)

    def result(self, start: int = 0, end: int = -1) -> bytes:
        """The bytes from ``start`` to ``end`` with the edits done.

        Removals may overlap: two fields on one line both take the blanks between them.
        """
        end = len(self.data) if end < 0 else end
        pieces, position = [], start
        for first, last, new in sorted(self.edits, key=lambda edit: edit[:2]):
            if last < start or first > end:
                continue
            pieces += [self.data[position:first], new]
            position = max(position, last)
        return b"".join([*pieces, self.data[position:end]])
