"""What layers that multiply by a whole matrix share."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import Fields, Kept, LayerType
from netsurgery.layers.labels import spread, varying
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import MAKES, READS, ChannelNode, ShapeNode
from netsurgery.layers.shape import Shape, count
from netsurgery.layers.traits import BIAS, TRANSPOSED_WEIGHTS, WEIGHTS, BlobFacts


class BaseInnerProductLayer(LayerType):
    """All numbers of a sample times a matrix."""

    message = "inner_product_param"
    mixes_places = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(axes before `axis`, num_output)."""
        param = node.parameter.inner_product_param
        node.check(param.num_output > 0, "has no num_output, or a num_output of 0")
        return [(*node.bottom[: node.axis(param.axis)], param.num_output)]

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """(num_output, inputs), the other way round with transpose; and (num_output)."""
        param = node.parameter.inner_product_param
        inputs = count(node.bottom[node.axis(param.axis) :])
        matrix = (param.num_output, inputs)
        bias = [(param.num_output,)] if param.bias_term else []
        return [matrix[::-1] if param.transpose else matrix, *bias]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The outputs are new; a channel owns as many columns as it has pixels."""
        param = node.parameter.inner_product_param
        axis, outputs = node.axis(param.axis), node.make(param.num_output)
        rows, columns = (1, 0) if param.transpose else (0, 1)
        for start in self.copies(param):
            node.use(start, outputs, axis=rows, axes=2, role=MAKES)
            node.use(start, _columns(node, axis), axis=columns, axes=2, role=READS)
            if param.bias_term:
                node.use(start + 1, outputs, role=MAKES)
        return [node.placed(outputs, axis)]

    def thinned(self, layer: Layer, kept: Kept) -> Fields:
        """``num_output``."""
        top = kept.get(layer.tops[0])
        return {"inner_product_param.num_output": top.size} if top else {}

    def copies(self, parameter: Any) -> Sequence[int]:
        """Return where the blobs begin, and where masks of all of them do if there are such.

        Args:
            parameter: The ``InnerProductParameter``.
        """
        return (0,)

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """The matrix, and the bias."""
        transposed = layer.parameter.inner_product_param.transpose
        return (TRANSPOSED_WEIGHTS if transposed else WEIGHTS, BIAS)

    def macs(self, bottoms: Sequence[Shape], tops: Sequence[Shape], blobs: Sequence[Shape]) -> int:
        """Each row of inputs meets the whole matrix."""
        return count(tops[0][:-1]) * count(blobs[0])


def _columns(node: ChannelNode, axis: int) -> np.ndarray:
    """One label for each number that is multiplied."""
    labels, shape = node.bottoms[0], node.shapes[0]
    if any(other < axis for other in varying(labels)):
        node.ties.pin(labels, f"{node} multiplies other axes than the channels'")
        labels = labels.ravel()[:1].reshape((1,) * labels.ndim)
    return spread(labels, shape, range(axis, len(shape))).ravel()
