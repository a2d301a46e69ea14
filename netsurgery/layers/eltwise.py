"""The sum, product or maximum of several values."""

from __future__ import annotations

from functools import reduce
from typing import Callable, Iterable, List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.constants import product_of
from netsurgery.layers.labels import varying
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show
from netsurgery.layers.spreading import spread_shape
from netsurgery.layers.stock_spreading import spread_in_stock, spread_remedy


@register_layer
class EltwiseLayer(LayerType):
    """The bottoms combined number by number."""

    name = "Eltwise"
    aliases = ("MKLEltwise",)
    is_stock = True
    bottoms = (2, None)
    message = "eltwise_param"
    opencv_names = ("Eltwise",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape that all bottoms have; or to which they spread, which the doctor tells."""
        param = node.parameter.eltwise_param
        spread = spread_shape(node.bottoms)
        for position, shape in enumerate(node.bottoms):
            blob = node.layer.bottoms[position].blob
            text = f"combines {show(node.bottom)} with {show(shape)} (bottom {blob!r})"
            node.check(spread or shape == node.bottom, text, _remedy_of(node.bottom, shape))
        coefficients = len(param.coeff)
        text = f"has {coefficients} coeff for {len(node.bottoms)} bottoms"
        node.check(coefficients in (0, len(node.bottoms)), text)
        product = param.operation == param.PROD
        node.check(not (product and coefficients), "has coeff, which operation PROD does not take")
        return [spread or node.bottom]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of all bottoms, tied one to one."""
        if any(shape != node.tops[0] for shape in node.shapes):
            return _spread(node)
        for labels in node.bottoms[1:]:
            node.ties.tie(node.bottoms[0], labels)
        return [node.bottoms[0]]

    def is_positively_homogeneous(self, layer: Layer) -> bool:
        """The sum and the maximum, where all bottoms are so many times as much."""
        param = layer.parameter.eltwise_param
        return param.operation in (param.SUM, param.MAX)

    def adds_plainly(self, layer: Layer) -> bool:
        """A sum without factors."""
        parameter = layer.parameter.eltwise_param
        return bool(parameter.operation == parameter.SUM and not parameter.coeff)

    def spoils_its_bottom(self, layer: Layer) -> bool:
        """A sum begins by setting its top to zero."""
        parameter = layer.parameter.eltwise_param
        return bool(parameter.operation == parameter.SUM)

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It spreads nothing."""
        if len(set(bottoms)) < 2:
            return None
        return f"does not spread the bottoms of a layer of type {layer.type} over each other"

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The sum, product or maximum of the bottoms."""
        param = node.parameter.eltwise_param
        if param.operation == param.PROD:
            return [reduce(product_of, node.bottoms)]
        if param.operation == param.MAX:
            return [reduce(np.maximum, node.bottoms)]
        factors = list(param.coeff) or [1.0] * len(node.bottoms)
        terms = [product_of(one, np.float32(factor)) for one, factor in zip(node.bottoms, factors)]
        return [reduce(np.add, terms)]

    def spreads(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> bool:
        """Where its bottoms differ, and the small ones can be spread."""
        shape = spread_shape(bottoms)
        return shape is not None and any(one != shape for one in bottoms)

    def spread_remedy(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> str:
        """Scale or Bias, or else Tile."""
        return spread_remedy(layer, bottoms)

    def spread_in_stock(
        self, layer: Layer, bottoms: Sequence[Shape], fresh: Callable[[str], str]
    ) -> Iterable[bytes]:
        """Reshape and Scale or Bias, or else Tile."""
        return spread_in_stock(layer, bottoms, fresh)


def _remedy_of(first: Shape, other: Optional[Shape]) -> Optional[str]:
    """Where one shape is how the other begins: that is what Scale and Bias take."""
    small, large = sorted((first, other or ()), key=len)
    if not small or large[: len(small)] != small:
        return None
    return "for PROD use Scale (axis: 0), for SUM Bias, with the smaller as second bottom"


def _spread(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottoms that have them; what is spread over these stays."""
    axes = {axis for labels in node.bottoms for axis in varying(labels)}
    if len(axes) > 1:
        return node.barrier("combines channels that lie along several axes")
    if not axes:
        return node.barrier("spreads what has no channels")
    (axis,) = axes
    full = [
        labels
        for labels, shape in zip(node.bottoms, node.shapes)
        if shape[axis] == node.tops[0][axis]
    ]
    for labels, shape in zip(node.bottoms, node.shapes):
        if shape[axis] == node.tops[0][axis]:
            node.ties.tie(full[0], labels)
        else:
            node.ties.pin(labels, f"{node} spreads them over other channels")
    return [max(full, key=lambda labels: labels.size)]
