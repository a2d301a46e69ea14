"""Channels through layers that multiply by a matrix: InnerProduct and Embed."""

from __future__ import annotations

from typing import List

import numpy as np

from netsurgery.layers import (
    MAKES,
    READS,
    ChannelNode,
    Fields,
    Kept,
    Layer,
    placed,
    spread,
    varying,
)
from netsurgery.network.channels.base import edit, rule

INNER_PRODUCTS = ("CInnerProduct", "FcRistretto", "InnerProduct")


@rule(*INNER_PRODUCTS)
def inner_product(node: ChannelNode) -> List[np.ndarray]:
    """The outputs are new; a channel owns as many columns as it has pixels."""
    param = node.parameter.inner_product_param
    axis, outputs = node.axis(param.axis), node.make(param.num_output)
    rows, columns = (1, 0) if param.transpose else (0, 1)
    blobs = 1 + param.bias_term
    for start in (0, blobs) if node.layer.type == "CInnerProduct" else (0,):
        node.use(start, outputs, axis=rows, axes=2, role=MAKES)
        node.use(start, _columns(node, axis), axis=columns, axes=2, role=READS)
        if param.bias_term:
            node.use(start + 1, outputs, role=MAKES)
    return [node.placed(outputs, axis)]


def _columns(node: ChannelNode, axis: int) -> np.ndarray:
    """One label for each number that is multiplied."""
    labels, shape = node.bottoms[0], node.shapes[0]
    if any(other < axis for other in varying(labels)):
        node.ties.pin(labels, f"{node} multiplies other axes than the channels'")
        labels = labels.ravel()[:1].reshape((1,) * labels.ndim)
    return spread(labels, shape, range(axis, len(shape))).ravel()


@rule("Embed")
def embed(node: ChannelNode) -> List[np.ndarray]:
    """The outputs are new, the bottom holds indices."""
    node.ties.pin(node.bottoms[0], f"{node} takes them as indices")
    outputs = node.make(node.parameter.embed_param.num_output)
    node.use(0, outputs, axis=1, axes=2, role=MAKES)
    if node.parameter.embed_param.bias_term:
        node.use(1, outputs, role=MAKES)
    return [placed(outputs, len(node.tops[0]) - 1, len(node.tops[0]))]


@edit(*INNER_PRODUCTS)
def shrink_inner_product(layer: Layer, kept: Kept) -> Fields:
    """``num_output``."""
    top = kept.get(layer.tops[0])
    return {"inner_product_param.num_output": top.size} if top else {}


@edit("Embed")
def shrink_embed(layer: Layer, kept: Kept) -> Fields:
    """``num_output``."""
    top = kept.get(layer.tops[0])
    return {"embed_param.num_output": top.size} if top else {}
