"""The boxes that SSD starts from (Liu et al., 2016)."""

from __future__ import annotations

from typing import Any, List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class PriorBoxLayer(LayerType):
    """Boxes of several sizes and forms around every place."""

    name = "PriorBox"
    fork = "SSD"
    bottoms = (2, 2)
    fixed_by_shapes = True
    opencv_names = ("PriorBox",)
    message = "prior_box_param"
    opencv_fields = ("height", "offset_h", "offset_w", "width")

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(1, 2, numbers of all boxes): the boxes, then their variances."""
        param = node.parameter.prior_box_param
        node.check(param.min_size, "has no min_size")
        _, _, height, width = node.four()
        sizes, larger = len(param.min_size), len(param.max_size)
        text = f"has {sizes} min_size but {larger} max_size"
        node.check(larger in (0, sizes), text)
        priors = len(_aspect_ratios(param)) * sizes + larger
        return [(1, 2, height * width * priors * 4)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """Only the size of the pictures counts, whatever their channels."""
        return node.fixed()


def _aspect_ratios(param: Any) -> List[float]:
    """1, the ratios given, and their inverses if flipped; each once."""
    found = [1.0]
    for ratio in param.aspect_ratio:
        if all(abs(ratio - known) >= 1e-6 for known in found):
            found += [ratio, 1.0 / ratio] if param.flip else [ratio]
    return found
