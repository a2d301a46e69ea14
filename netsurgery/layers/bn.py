"""Batch normalisation and scaling at once, of SegNet, of Yjxiong's Caffe and of PSPNet."""

from __future__ import annotations

from typing import Sequence, Tuple

from netsurgery.layers.batch_norm import NormalisingLayer
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.normalising import why_not_frozen
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class BNLayer(NormalisingLayer):
    """Batch normalisation with a scale and a shift of its own."""

    name = "BN"
    fork = "SegNet"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        return [node.bottom]

    def stock_words(self, layer: Layer) -> Tuple[str, ...]:
        """A Scale, behind a BatchNorm where it normalises."""
        places = self.places(layer)
        if places is None or why_not_frozen(layer):
            return ()
        return ("Scale",) if places.mean is None else ("BatchNorm", "Scale")
