"""Channels through layers that work on pixels: pooling, resizing, regions, batches."""

from __future__ import annotations

from typing import List

import numpy as np

from netsurgery.layers import ChannelNode, varying
from netsurgery.network.channels.base import rule


@rule("Interp", "Pooling")
def pooling(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the first bottom; a second one only gives a size."""
    return [node.placed(_channels(node), 1)] * len(node.tops)


@rule("ROIAlign", "ROIPooling")
def roi_pooling(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the first bottom; the second holds regions."""
    node.ties.pin(node.bottoms[1], f"{node} takes them as regions")
    return [node.placed(_channels(node), 1)] * len(node.tops)


@rule("Upsample")
def upsample(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the first bottom; a mask has the same."""
    for number in range(1, len(node.bottoms)):
        node.ties.tie(node.along(1), node.along(1, number))
    return [node.placed(_channels(node), 1)]


@rule("SPP")
def spatial_pyramid(node: ChannelNode) -> List[np.ndarray]:
    """For every level of the pyramid, the bins of each channel."""
    labels, height = _channels(node), node.parameter.spp_param.pyramid_height
    if height == 1:
        return [node.placed(labels, 1)]
    bins = np.concatenate([np.repeat(labels, 4**level) for level in range(height)])
    if len(bins) != node.tops[0][1]:  # the picture does not divide: some level has fewer
        return node.barrier("pools them into an uneven pyramid")
    return [node.placed(bins, 1)]


@rule("BatchReindex", "Filter", "FlowWarp", "SpatialProduct")
def select(node: ChannelNode) -> List[np.ndarray]:
    """The channels of all bottoms but the last, which says what to do with them."""
    *items, selector = node.bottoms
    node.ties.pin(selector, f"{node} takes them as what to do")
    for labels in items:
        if 0 in varying(labels):
            node.ties.pin(labels, f"{node} selects among them")
    return items


@rule("PriorBox")
def prior_box(node: ChannelNode) -> List[np.ndarray]:
    """Only the size of the pictures counts, whatever their channels."""
    return node.fixed()


@rule("Silence")
def silence(node: ChannelNode) -> List[np.ndarray]:
    """Whatever it reads."""
    return []


def _channels(node: ChannelNode) -> np.ndarray:
    """The channels of the first bottom; a layer that moves pixels can have no others."""
    return node.along(1)
