"""Rows of a table by their numbers, as words are looked up."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import Fields, Kept, LayerType
from netsurgery.layers.labels import placed
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import MAKES, ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import BIAS, TRANSPOSED_WEIGHTS, BlobFacts, Role


@register_layer
class EmbedLayer(LayerType):
    """A row of a matrix for every index, plus a bias."""

    name = "Embed"
    is_stock = True
    message = "embed_param"
    mixes_places = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(the bottom's axes, num_output)."""
        param = node.parameter.embed_param
        node.check(param.num_output > 0, "has no num_output, or a num_output of 0")
        node.check(param.input_dim > 0, "has no input_dim, or an input_dim of 0")
        return [(*node.bottom, param.num_output)]

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """(input_dim, num_output) and, with bias_term, (num_output)."""
        param = node.parameter.embed_param
        bias = [(param.num_output,)] if param.bias_term else []
        return [(param.input_dim, param.num_output), *bias]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The outputs are new, the bottom holds indices."""
        node.ties.pin(node.bottoms[0], f"{node} takes them as indices")
        outputs = node.make(node.parameter.embed_param.num_output)
        node.use(0, outputs, axis=1, axes=2, role=MAKES)
        if node.parameter.embed_param.bias_term:
            node.use(1, outputs, role=MAKES)
        return [placed(outputs, len(node.tops[0]) - 1, len(node.tops[0]))]

    def thinned(self, layer: Layer, kept: Kept) -> Fields:
        """``num_output``."""
        top = kept.get(layer.tops[0])
        return {"embed_param.num_output": top.size} if top else {}

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """A row for each word, and the bias."""
        return (TRANSPOSED_WEIGHTS, BIAS)

    def input_role(self, layer: Layer, bottom: int, shape: Shape) -> Role:
        """It reads numbers of rows."""
        return Role.IDS

    def vocabulary(self, layer: Layer) -> Optional[int]:
        """How many rows there are."""
        return int(layer.parameter.embed_param.input_dim)
