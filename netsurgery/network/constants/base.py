"""What constant rules share: the registry, the node a rule is asked about, and the walk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, TypeVar

import numpy as np

from netsurgery.network.channels.propagation import Shapes
from netsurgery.network.foreign_fields import foreign_fields
from netsurgery.network.graph import Layer, Network, Value
from netsurgery.network.linear import Linear, own_blobs
from netsurgery.network.model import Model
from netsurgery.network.shapes import Shape
from netsurgery.network.twins import with_twins


@dataclass(frozen=True)
class Node:
    """A layer with what its bottoms hold.

    Attributes:
        layer: The layer.
        bottoms: What each bottom holds, float32, which broadcasts to its shape; NaN stands for
            numbers that depend on the input.
        shapes: Shapes of the bottoms.
        tops: Shapes of the tops.
        blobs: The layer's blobs in Caffe's shapes; () where they are not known.
        linear: What it multiplies by, if it does and that is known.
    """

    layer: Layer
    bottoms: Tuple[np.ndarray, ...]
    shapes: Tuple[Shape, ...]
    tops: Tuple[Shape, ...]
    blobs: Sequence[np.ndarray]
    linear: Optional[Linear]

    @property
    def parameter(self) -> Any:
        """The ``LayerParameter`` message."""
        return self.layer.parameter

    def axis(self, axis: int) -> int:
        """The axis of the first bottom counted from the front."""
        return axis % len(self.shapes[0])

    def placed(self, blob: np.ndarray, axis: int) -> np.ndarray:
        """A blob whose axes are those of the first bottom from ``axis`` on."""
        rest = len(self.shapes[0]) - axis - blob.ndim
        return blob.reshape((1,) * axis + blob.shape + (1,) * rest)

    def unknown(self) -> Sequence[np.ndarray]:
        """Tops of which nothing is known."""
        return [nothing(shape) for shape in self.tops]


ConstantRule = Callable[[Node], Sequence[np.ndarray]]
AnyConstantRule = TypeVar("AnyConstantRule", bound=ConstantRule)

RULES: Dict[str, ConstantRule] = {}


def rule(*types: str) -> Callable[[AnyConstantRule], AnyConstantRule]:
    """Register the decorated function: it answers what the tops of these types hold."""

    def register(function: AnyConstantRule) -> AnyConstantRule:
        RULES.update(dict.fromkeys(with_twins(types), function))
        return function

    return register


def nothing(shape: Shape) -> np.ndarray:
    """An array that says nothing of a value of that shape."""
    return np.full((1,) * len(shape), np.nan, np.float32)


def follow_constants(
    model: Model, network: Network, shapes: Shapes, linear: Mapping[int, Linear]
) -> Dict[Value, Optional[np.ndarray]]:
    """Return what each value holds whatever finite numbers the net is fed.

    A layer without a rule, without blobs or with blobs that others share makes nothing constant.

    Args:
        model: The model.
        network: Its network.
        shapes: The shape of each value.
        linear: What `find_linear` finds.

    Returns:
        For each value an array that broadcasts to its shape, NaN where it may change; None where
        the shape is not known.
    """
    held: Dict[Value, Optional[np.ndarray]] = {}
    for value in network.values:
        shape = shapes[value]
        held[value] = None if shape is None else nothing(shape)
    for layer in network.layers:
        ruled = layer.type in RULES and not foreign_fields(layer.text)
        if ruled and all(shapes[one] for one in (*layer.bottoms, *layer.tops)):
            bottoms = tuple(held[value] for value in layer.bottoms)
            node = Node(
                layer,
                bottoms,  # type: ignore[arg-type]
                tuple(shapes[value] or () for value in layer.bottoms),
                tuple(shapes[value] or () for value in layer.tops),
                own_blobs(model, layer, [shapes[value] for value in layer.bottoms]),
                linear.get(layer.index),
            )
            held.update(zip(layer.tops, _tops(node)))
    return held


def _tops(node: Node) -> Sequence[np.ndarray]:
    with np.errstate(all="ignore"):
        found = RULES[node.layer.type](node)
        return [np.where(np.isfinite(one), one, np.nan).astype(np.float32) for one in found]
