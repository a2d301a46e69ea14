"""Where in a YAML text each of its values stands, for messages about what they mean."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats.plain_data import FileKind, read_yaml

Place = Tuple[Union[str, int], ...]
"""The names and positions that lead to a value."""


class MarkedData(NamedTuple):
    """What a YAML text means, and where it says so.

    Attributes:
        data: Mappings, lists, texts, numbers.
        lines: The 1-based line of each value, by its place; of a mapping's values, of their names.
        file: Where the text is from.
    """

    data: Any
    lines: Mapping[Place, int]
    file: Optional[object]

    def error(
        self, place: Sequence[Union[str, int]], problem: str, remedy: Optional[str] = None
    ) -> NetsurgeryError:
        """Return the error that something is wrong at a place, or in the nearest one around it."""
        path = tuple(place)
        while path and path not in self.lines:
            path = path[:-1]
        return FormatError(problem, file=self.file, line=self.lines.get(path), remedy=remedy)


def read_marked_yaml(
    text: str, file: Optional[object] = None, error: FileKind = FormatError
) -> MarkedData:
    """Return what a YAML text means, as `read_yaml` does, and on which lines.

    Args:
        text: The text.
        file: Where it is from, for messages.
        error: The exception to raise.

    Raises:
        NetsurgeryError: The kind given: see `read_yaml`.
    """
    data = read_yaml(text, file, error)  # which refuses what would not end below
    import yaml

    root = yaml.compose(text, yaml.SafeLoader)
    return MarkedData(data, dict(_lines(root, ())) if root is not None else {}, file)


def _lines(node: Any, place: Place) -> Iterator[Tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    found: Dict[Place, int] = {}
    if node.id == "mapping":
        for key, value in node.value:
            inner = (*place, key.value)
            yield from _lines(value, inner)
            found[inner] = key.start_mark.line + 1
    elif node.id == "sequence":
        for number, value in enumerate(node.value):
            yield from _lines(value, (*place, number))
    yield from found.items()
