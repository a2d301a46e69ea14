"""Convolution with masked weights: Dynamic Network Surgery (Guo et al., 2016)."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import BlobFacts


@register_layer
class CConvolutionLayer(BaseConvolutionLayer):
    """A convolution by weights times masks, which stand behind them."""

    name = "CConvolution"
    fork = "Dynamic Network Surgery"

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Forks differ."""
        return None

    def copies(self, parameter: Any) -> Sequence[int]:
        """The weights and bias, then their masks."""
        return 0, 1 + parameter.bias_term

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """The weights and the bias, then the masks."""
        own = super().describe_blobs(layer)[: self.copies(layer.parameter.convolution_param)[1]]
        return (*own, *(one._replace(name=f"mask of {one.name}") for one in own))
