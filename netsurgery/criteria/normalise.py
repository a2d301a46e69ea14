"""Scores of channels of several layers, made comparable."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping

import numpy as np

from netsurgery.network import CARRIES, ChannelGroup, Model, count_cost, infer_shapes

Scores = Mapping[str, np.ndarray]
FLOPS_WEIGHT = 1e-3
"""The factor of Molchanov et al. 2017, who count the cost of a channel in other units."""


def l2_normalised(scores: Scores) -> Dict[str, np.ndarray]:
    """Divide the scores of each group by their l2 norm (Molchanov et al. 2017).

    Args:
        scores: For each group an array of shape (channels,); one of zeros stays as it is.
    """
    found = {}
    for name, array in scores.items():
        norm = np.linalg.norm(array)
        found[name] = array / norm if norm > 0 else np.array(array)
    return found


def with_flops(scores: Scores, macs: Scores, weight: float = FLOPS_WEIGHT) -> Dict[str, np.ndarray]:
    """Take what a channel costs off its score (Molchanov et al. 2017, FLOPs regularisation).

    Args:
        scores: For each group scores that are comparable between groups, shape (channels,).
        macs: For each group what share of the net's MACs each channel takes, in percent.
        weight: What one percent of the MACs is worth.
    """
    return {name: array - weight * macs[name] for name, array in scores.items()}


def macs_of_channels(model: Model, groups: Iterable[ChannelGroup]) -> Dict[str, np.ndarray]:
    """Return how many percent of a net's MACs go away with each channel of each group.

    Raises:
        NetworkError: Caffe would refuse the network.
    """
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    macs = {cost.layer.index: cost.macs or 0 for cost in count_cost(network, shapes, model)}
    whole = max(sum(macs.values()), 1)
    found = {}
    for group in groups:
        found[group.name] = np.zeros(group.channels)
        for cut in group.members:
            # Blob 0 of a layer is what it multiplies by; a channel it carries is multiplied too.
            if cut.blob == 0 and (cut.role != CARRIES or macs[cut.layer.index]):
                share = np.bincount(cut.channels[cut.channels >= 0], minlength=group.channels)
                found[group.name] += 100 * macs[cut.layer.index] / whole * share / cut.channels.size
    return found
