"""Ways of pruning that are known from papers, each under a name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Mapping

from netsurgery.errors import PlanError
from netsurgery.formats import read_yaml

_FOLDER = Path(__file__).with_name("recipes")
_WORDS = ("description", "source")


@dataclass(frozen=True)
class Recipe:
    """A way of pruning.

    Attributes:
        name: What it is called.
        settings: What it says of a request to prune, by the names of its fields.
        description: What it does, in a line.
        source: Whose it is, and where it is written down.
    """

    name: str
    settings: Mapping[str, Any]
    description: str
    source: str


@lru_cache(maxsize=1)
def known_recipes() -> Dict[str, Recipe]:
    """Return all recipes by name, in the order of names."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.yaml"))}


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        PlanError: There is none; the text lists those there are.
    """
    known = known_recipes()
    if name not in known:
        raise PlanError(f"there is no recipe {name!r}", remedy=f"choose among {', '.join(known)}")
    return known[name]


def _read(path: Path) -> Recipe:
    told = dict(read_yaml(path.read_text(encoding="utf-8"), path))
    description, source = (told.pop(word) for word in _WORDS)
    return Recipe(path.stem, told, description, source)
