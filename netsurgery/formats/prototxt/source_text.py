"""The bytes of a text file, and where in it an offset stands."""

from __future__ import annotations

import bisect
import re
from typing import List, Optional, Tuple

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.tokens import BOM, STRING

_line_end = re.compile(rb"\r\n?|\n")
_lone_return = re.compile(rb"\r(?!\n)")
# Few texts have lone carriage returns: compiled when the first is met.
_HIDDEN = rb"\r[ \t\r]*[^ \t\r\n#]"
_STRING_OR_COMMENT = rb"%s|#[^\n]*" % STRING


class SourceText:
    """A text file's bytes.

    Attributes:
        data: The bytes.
        file: The name to use in errors.
    """

    def __init__(self, data: bytes, file: Optional[str] = None) -> None:
        self.data = data
        self.file = file
        self._starts: Optional[List[int]] = None

    def place(self, offset: int) -> Tuple[int, int]:
        """Return the 1-based line and column, in bytes, of an offset."""
        if self._starts is None:
            self._starts = [0, *(found.end() for found in _line_end.finditer(self.data))]
        line = bisect.bisect_right(self._starts, offset)
        mark = len(BOM) if line == 1 and self.data.startswith(BOM) else 0
        return line, offset - mark - self._starts[line - 1] + 1

    def check_comments(self) -> None:
        """Refuse text that Caffe would take for a comment because a lone CR ends no line.

        Raises:
            FormatError: A comment hides such text.
        """
        if not _lone_return.search(self.data):
            return
        for found in re.finditer(_STRING_OR_COMMENT, self.data):
            if found.group()[:1] == b"#" and re.search(_HIDDEN, found.group()):
                raise self.error(
                    found.start(),
                    "Caffe ends a comment at a line feed only, so this one hides the lines behind"
                    " its carriage return",
                    "turn the file's line ends into line feeds",
                )

    def error(
        self,
        offset: int,
        problem: str,
        remedy: Optional[str] = None,
        layer: Optional[str] = None,
    ) -> FormatError:
        """Make the error for what stands at ``offset``."""
        line, column = self.place(offset)
        return FormatError(
            problem, file=self.file, line=line, column=column, layer=layer, remedy=remedy
        )
