"""From a file to the tree of its fields, for every kind of prototxt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Tuple, Union

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.syntax_errors import PrototxtSyntaxError
from netsurgery.formats.prototxt.tree import Message, parse_tree


def read_bytes(path: Union[str, os.PathLike[str]]) -> bytes:
    """Return what a file holds.

    Raises:
        FormatError: It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(f"cannot be read: {reason}", file=os.fspath(path)) from None


def parse_source(
    data: bytes, file: Optional[object] = None, wanted: Optional[str] = None
) -> Tuple[SourceText, Message]:
    """Return a text that knows lines and columns, and the tree of its fields.

    Args:
        data: The text.
        file: Where it was read from, for errors.
        wanted: What to give in place of what is no prototxt; if None, what such a file is for.

    Raises:
        FormatError: It is no prototxt; names line and column, and what it seems to be instead.
    """
    source = SourceText(data, None if file is None else str(file))
    try:
        root = parse_tree(data)
    except PrototxtSyntaxError as flaw:
        from netsurgery.formats.prototxt.wrong_file import not_prototxt

        other = not_prototxt(data)
        if other is None:
            raise source.error(flaw.offset, flaw.problem, flaw.remedy) from None
        raise FormatError(other[0], file=source.file, remedy=wanted or other[1]) from None
    source.check_comments()
    return source, root
