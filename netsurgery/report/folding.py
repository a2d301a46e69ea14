"""How wide texts are on a screen, and how they are folded to a width."""

from __future__ import annotations

import re
from typing import Iterator, List

_ONE_CELL_EACH = re.compile(r"[ -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u2500-\u25fc]*").fullmatch
_WORD = re.compile(r"\s*\S+\s*")


def cells(text: str) -> int:
    """Return how many columns of a screen a text takes.

    >>> cells("fc6"), cells("全"), cells("▁▂▃")
    (3, 2, 3)
    """
    if _ONE_CELL_EACH(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def folded(text: str, width: int) -> List[str]:
    """Return a text as lines so wide at most, broken at spaces, and within words that are wider.

    Spaces where a line ends stay as far as there is room for them.

    >>> folded("a long name_of_one_layer", 8)
    ['a long ', 'name_of_', 'one_laye', 'r']
    """
    if cells(text) <= width:
        return [text]
    starts = [0, *(start for start in _breaks(text, width) if start), len(text)]
    return [_cropped(text[start:end], width) for start, end in zip(starts, starts[1:])]


def _cropped(line: str, width: int) -> str:
    """A line without those spaces at its end that are beyond a width."""
    spaces = len(line) - len(line.rstrip())
    return line[: len(line) - min(spaces, max(cells(line) - width, 0))]


def _breaks(text: str, width: int) -> Iterator[int]:
    """Where lines begin."""
    filled = 0
    for found in _WORD.finditer(text):
        word, needs = found[0], cells(found[0].rstrip())
        if needs <= width - filled:
            filled += cells(word)
        elif needs > width:
            pieces = _pieces(word, width)
            place = found.start()
            for piece in pieces:
                yield place
                place += len(piece)
            filled = cells(pieces[-1])
        else:
            yield found.start()
            filled = cells(word)


def _pieces(word: str, width: int) -> List[str]:
    """A word that is wider than a line, in pieces that are not."""
    pieces, filled = [""], 0
    for letter in word:
        needs = cells(letter)
        if filled + needs > width and pieces[-1]:
            pieces.append("")
            filled = 0
        pieces[-1] += letter
        filled += needs
    return pieces
