"""What layers share that cut regions out of the first bottom, as the second says."""

from __future__ import annotations

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.shape import show


class RegionPoolingLayer(LayerType):
    """One item for every region."""

    bottoms = (2, 2)
    tops = (1, 2)
    region_bottom = 1

    def mixes_samples(self, layer: Layer) -> bool:
        """A region says itself which picture it is of."""
        return True


def count_regions(node: ShapeNode) -> int:
    """Return the number of regions.

    Raises:
        NetworkError: The second bottom has no axes.
    """
    regions = node.bottoms[1]
    node.check(regions, f"has regions of shape {show(regions)}")
    assert regions
    return regions[0]
