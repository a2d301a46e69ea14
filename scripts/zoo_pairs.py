"""The models of ../shared/zoo, as its index lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, NamedTuple


class Pair(NamedTuple):
    """A prototxt of the zoo with weights that go with it."""

    prototxt: Path
    weights: Path

    @property
    def name(self) -> str:
        """Folder and file, as the zoo's index has them."""
        return f"{self.weights.parent.name}/{self.weights.name}"


def find_pairs(zoo: Path, with_inner_product: bool = False) -> Iterator[Pair]:
    """Yield each weights file with the prototxt that the zoo's index gives it.

    Args:
        zoo: The folder of models.
        with_inner_product: Only those that have an InnerProduct layer.
    """
    for line in (zoo / "INDEX.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) <= 8 or not (zoo / cells[1]).is_file():
            continue
        if with_inner_product and (" x" in cells[8] or cells[8] == "-"):
            continue
        weights = zoo / cells[1]
        yield Pair(weights.parent / cells[2], weights)
