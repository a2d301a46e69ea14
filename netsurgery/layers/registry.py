"""The layer types there are: those of this room, and those that other packages add."""

from __future__ import annotations

from typing import AbstractSet, Dict, Tuple, Type, TypeVar

from netsurgery.formats import LayerText
from netsurgery.layers.base import LayerType, UnknownLayer
from netsurgery.registry import Registry

AnyLayerType = TypeVar("AnyLayerType", bound=LayerType)

LAYERS: Registry[LayerType] = Registry("netsurgery.layers", "netsurgery.layers")


def register_layer(kind: Type[AnyLayerType]) -> Type[AnyLayerType]:
    """Make a layer type known under its ``name`` and its ``aliases``.

    Raises:
        ValueError: Another one has one of these names, or it has none.
    """
    if not kind.name:
        raise ValueError(f"layer type {kind.__name__} has no name: what does a prototxt call it?")
    LAYERS.register(kind.name, *kind.aliases)(kind)
    return kind


def layer_type(name: str) -> LayerType:
    """Return the layer type that a prototxt calls ``name``; an `UnknownLayer` if there is none."""
    return LAYERS.get(name) or UnknownLayer(name)


def layer_types() -> Dict[str, LayerType]:
    """Return all layer types that are known, by each of the names that they go by."""
    return LAYERS.all()


def unknown_fields(text: LayerText) -> Tuple[str, ...]:
    """Return the dotted paths of a layer's fields that neither the schema nor its type knows."""
    own = layer_type(text.type).own_fields
    return tuple(path for path in text.unknown if not _is_within(path, own))


def _is_within(path: str, blocks: AbstractSet[str]) -> bool:
    """Whether a dotted path is one of some, or stands within one of them."""
    parts = path.split(".")
    return any(".".join(parts[: end + 1]) in blocks for end in range(len(parts)))


def why_unknown(name: str) -> str:
    """Say that nobody knows a layer type, and which plugins did not load that might have."""
    failed = "; ".join(f"{plugin} ({error})" for plugin, error in sorted(LAYERS.failed.items()))
    told = f"; plugins of layers that did not load: {failed}" if failed else ""
    return f"nothing is known of its type {name}{told}"
