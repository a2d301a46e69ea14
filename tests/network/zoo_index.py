"""The pairs of the zoo, as its INDEX.md lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, NamedTuple


class Pair(NamedTuple):
    """A prototxt and weights.

    Attributes:
        prototxt: Its path.
        weights: Its path.
        caffe: Whether real Caffe loads the pair.
        opencv: Whether OpenCV does.
    """

    prototxt: Path
    weights: Path
    caffe: bool
    opencv: bool


def pairs(zoo: Path) -> Iterator[Pair]:
    """Every row of the table of models."""
    for line in (zoo / "INDEX.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 11 and "/" in cells[0] and ".caffemodel" in cells[0]:
            weights = zoo / cells[0]
            caffe, opencv = cells[8] == "yes", cells[9] == "yes"
            yield Pair(weights.parent / cells[1], weights, caffe, opencv)
