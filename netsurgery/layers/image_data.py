"""Images of a list of files."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.image_source import ImageSourceLayer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import DataSource


@register_layer
class ImageDataLayer(ImageSourceLayer):
    """Images and their labels."""

    name = "ImageData"
    is_stock = True
    message = "image_data_param"
    data = DataSource.IMAGES

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """Batch, colour, and crop or new size, and the labels."""
        param, crop = node.parameter.image_data_param, node.parameter.transform_param.crop_size
        channels = 3 if param.is_color else 1
        height, width = crop or param.new_height, crop or param.new_width
        return self.images(node, param.batch_size, channels, height, width)
