"""What a thinned net costs, from how many channels each group keeps, without thinning it."""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.network.channels import ChannelGroup
from netsurgery.network.cost import count_cost
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes
from netsurgery.network.sharing import borrowed_blobs


class _Axis(NamedTuple):
    """An axis of a blob: its length, and what is cut from it by whom."""

    size: int
    cuts: List[Tuple[str, np.ndarray]]


class ThinCost:
    """Counts parameters and multiply-accumulates of a net that keeps some of its channels.

    Attributes:
        params: Of the whole net.
        macs: Of the whole net.
        channels: How many each group has.
    """

    def __init__(self, model: Model, groups: Sequence[ChannelGroup]) -> None:
        network = model.network()
        costs = count_cost(network, infer_shapes(network, weights=model.weights), model)
        shared = borrowed_blobs(network.shared_parameters)
        axes: Dict[Tuple[int, int], Dict[int, _Axis]] = defaultdict(dict)
        for group in groups:
            for cut in group.members:
                size = cut.channels.shape[-1]
                axis = axes[cut.layer.index, cut.blob].setdefault(cut.axis, _Axis(size, []))
                axis.cuts.append((group.name, np.atleast_2d(cut.channels)))
        self.channels = {group.name: group.channels for group in groups}
        self._axes = axes
        self._macs = {c.layer.index: c.macs or 0 for c in costs}
        self._params = {
            (c.layer.index, blob): int(np.prod(shape))
            for c in costs
            for blob, shape in enumerate(c.blobs or ())
            if (c.layer.index, blob) not in shared
        }
        self.params, self.macs = self.of({})

    def of(self, masks: Mapping[str, np.ndarray]) -> Tuple[int, int]:
        """Return parameters and multiply-accumulates.

        Args:
            masks: For groups that are cut, which channels stay, shape (channels,), bool.
        """
        left = {
            place: float(np.prod([_share(axis, masks) for axis in axes.values()]))
            for place, axes in self._axes.items()
        }
        params = sum(count * left.get(place, 1.0) for place, count in self._params.items())
        macs = sum(count * left.get((layer, 0), 1.0) for layer, count in self._macs.items())
        return round(params), round(macs)


def _share(axis: _Axis, masks: Mapping[str, np.ndarray]) -> float:
    stays = np.ones((1, axis.size), bool)
    for name, channels in axis.cuts:
        if name in masks:
            stays = stays & np.append(masks[name], True)[channels]
    return float(stays.mean())
