"""A layer of a network, and the values between layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Tuple

from netsurgery.formats import LayerText
from netsurgery.layers.base import LayerType
from netsurgery.layers.registry import layer_type


class Value(NamedTuple):
    """What a blob holds between two writes: an in-place layer makes a new version of its blob.

    Attributes:
        blob: Name of the blob in the prototxt.
        version: 0 for the layer (or net input) that creates the blob, one more for every
            layer that computes in place on it.
    """

    blob: str
    version: int = 0

    def __str__(self) -> str:
        return f"{self.blob}@{self.version}" if self.version else self.blob


@dataclass(frozen=True)
class Layer:
    """A layer of a network: its parameter, and its bottoms and tops as values.

    Attributes:
        index: Position among the layers that were built, from 0.
        name: The layer's name; Caffe does not demand that it is unique.
        type: The V2 type string, as the prototxt spells it.
        bottoms: Values read, in the order of the prototxt.
        tops: Values written, in the order of the prototxt.
        parameter: The ``LayerParameter`` message.
        text: The layer's place in the prototxt.
    """

    index: int
    name: str
    type: str
    bottoms: Tuple[Value, ...]
    tops: Tuple[Value, ...]
    parameter: Any
    text: LayerText

    @property
    def layer_type(self) -> LayerType:
        """All that is known of its type."""
        return layer_type(self.type)

    @property
    def kind(self) -> str:
        """The stock type that computes what its type does, which a fork may call otherwise."""
        return self.layer_type.stock_name

    @property
    def in_place(self) -> Tuple[Tuple[Value, Value], ...]:
        """Pairs (value read, value written) that occupy the same blob."""
        return tuple((b, t) for b, t in zip(self.bottoms, self.tops) if b.blob == t.blob)
