"""What layers that read images from files share."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.shape import Shape


class ImageSourceLayer(LayerType):
    """Images and labels from files."""

    bottoms = (0, 0)
    tops = (2, 2)
    shape_fields = frozenset({"transform_param.resize_param"})

    def images(
        self, node: ShapeNode, batch: int, channels: Optional[int], height: int, width: int
    ) -> Sequence[Optional[Shape]]:
        """Return the shapes of images and labels; what the files alone would tell is unknown."""
        if not batch:
            return [None] * node.tops
        known = channels and height and width
        return [(batch, channels or 0, height, width) if known else None, (batch,)]
