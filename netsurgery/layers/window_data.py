"""Windows of images, as R-CNN has them (Girshick et al., 2014)."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.image_source import ImageSourceLayer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import DataSource


@register_layer
class WindowDataLayer(ImageSourceLayer):
    """Windows of images and their labels."""

    name = "WindowData"
    is_stock = True
    message = "window_data_param"
    data = DataSource.WINDOWS

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """Batch, colour and crop, and the labels."""
        param, crop = node.parameter.window_data_param, node.parameter.transform_param.crop_size
        return self.images(node, param.batch_size, 3, crop, crop)
