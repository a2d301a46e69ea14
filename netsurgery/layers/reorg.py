"""Pixels made channels, as YOLO has it (Redmon and Farhadi, 2017)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class ReorgLayer(LayerType):
    """Blocks of pixels under each other as channels."""

    name = "Reorg"
    is_homogeneous = True
    fork = "YOLO"
    keeps = "mixes them with pixels"
    opencv_names = ("Reorg",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """Blocks of stride x stride pixels become channels, or with `reverse` back."""
        param = node.parameter.reorg_param
        step = param.stride
        node.check(step > 0, "has no stride, or a stride of 0")
        num, channels, height, width = node.four()
        whole = [channels % step**2] if param.reverse else [height % step, width % step]
        node.check(not any(whole), f"reorganises {show(node.bottom)} by a stride of {step}")
        if param.reverse:
            return [(num, channels // step**2, height * step, width * step)]
        return [(num, channels * step**2, height // step, width // step)]
