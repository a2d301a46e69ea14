"""How callers may name things: a single one of several, a file by a text or a path."""

from __future__ import annotations

import os
from typing import Sequence, Tuple, Union

PathLike = Union[str, os.PathLike[str]]


def names_of(given: Union[str, Sequence[str]]) -> Tuple[str, ...]:
    """Return names as a tuple; a text is one name, not a sequence of letters."""
    return (given,) if isinstance(given, str) else tuple(given)
