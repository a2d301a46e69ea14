"""Images of a database: LMDB or LevelDB."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from netsurgery.layers.convolution import ConvolutionLayer
from netsurgery.layers.image_source import ImageSourceLayer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import DataSource


@register_layer
class DatabaseLayer(ImageSourceLayer):
    """Images, and their labels if there is a second top."""

    name = "Data"
    is_stock = True
    tops = (1, 2)
    message = "data_param"
    learns_shapes = True
    data = DataSource.DATABASE

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """Batch, channels and crop, and the labels."""
        batch, crop = node.parameter.data_param.batch_size, node.parameter.transform_param.crop_size
        return self.images(node, batch, _transformed_channels(node), crop, crop)


def _transformed_channels(node: ShapeNode) -> Optional[int]:
    transform = node.parameter.transform_param
    if transform.force_color or transform.force_gray:
        return 3 if transform.force_color else 1
    if len(transform.mean_value) > 1:
        return len(transform.mean_value)
    return _channels_read(node)


def _channels_read(node: ShapeNode) -> Optional[int]:
    """Input channels of the first convolution that reads this layer, as its weights tell."""
    if node.weights is None:
        return None
    for reader in node.consumers(node.layer.tops[0]):
        blobs: Sequence[Any] = node.weights.blobs(reader.name)
        if isinstance(reader.layer_type, ConvolutionLayer) and blobs and len(blobs[0].shape) == 4:
            return blobs[0].shape[1] * reader.parameter.convolution_param.group
    return None
