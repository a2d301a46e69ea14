"""Names, of which a caller may give a single one."""

from __future__ import annotations

from typing import Sequence, Tuple, Union


def names_of(given: Union[str, Sequence[str]]) -> Tuple[str, ...]:
    """Return names as a tuple; a text is one name, not a sequence of letters."""
    return (given,) if isinstance(given, str) else tuple(given)
