"""Layers that a user names: outright, by a glob over names, or by type."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Iterable, List, Optional, Sequence

from netsurgery.errors import NetworkError
from netsurgery.layers import Layer


def selects(word: str, name: str, layer_type: str) -> bool:
    """Return whether a word is the name or the type of a layer, or a glob over its name."""
    return word in (name, layer_type) or fnmatchcase(name, word)


def layers_selected(
    layers: Sequence[Layer], words: Iterable[str], what: str, file: Optional[str] = None
) -> List[Layer]:
    """Return the layers that any of some words selects, in their order.

    Args:
        layers: Those that may be meant.
        words: The words.
        what: What such a layer is called in an error.
        file: The prototxt, for the error.

    Raises:
        NetworkError: A word selects none.
    """
    words = list(words)
    for word in words:
        if not any(selects(word, layer.name, layer.type) for layer in layers):
            raise NetworkError(
                f"{word!r} selects no {what}",
                file=file,
                remedy="name a layer, a glob or a type that `netsurgery inspect` lists",
            )
    return [one for one in layers if any(selects(word, one.name, one.type) for word in words)]
