"""The regions that a detector looks at (Ren et al., 2015), made without Python."""

from __future__ import annotations

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count
from netsurgery.layers.traits import Role


@register_layer
class ProposalLayer(LayerType):
    """Boxes that are likely to hold something."""

    name = "Proposal"
    fork = "PVANET"
    bottoms = (3, 3)
    tops = (1, 2)
    keeps = "gives each of them a meaning"
    opencv_names = ("Proposal",)

    def mixes_samples(self, layer: Layer) -> bool:
        """One list holds the regions of all samples."""
        return True

    def input_role(self, layer: Layer, bottom: int, shape: Shape) -> Role:
        """Three numbers a sample are the image's size."""
        return Role.IMAGE_SIZE if count(shape[1:]) == 3 else Role.VALUES
