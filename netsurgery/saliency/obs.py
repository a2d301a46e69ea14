"""Optimal brain surgery, layer by layer: the weights that stay make up for what goes."""

from __future__ import annotations

from math import prod
from typing import ClassVar, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.calibration import row_products
from netsurgery.criteria import ACTIVATIONS
from netsurgery.layers import MatrixProduct
from netsurgery.linalg import Moments, WeightSurgeon, ridge_for
from netsurgery.network import Masks, ParameterKey
from netsurgery.saliency.base import PrunableNet, Saliency
from netsurgery.saliency.registry import SALIENCIES

WIDEST = 4096
"""Longest row whose second moments are looked at together; of a longer one parts of it, as if what
they read did not depend on each other. The inverse of so many takes 130 MB and half a minute."""

MOST_WORK = 5e11
"""Operations in a layer, about a minute: above it weights go in blocks of columns, and what stays
is fitted by steps in place of exactly."""

LEAST_BLOCK = 32


@SALIENCIES.register("obs")
class LayerSurgeon(Saliency):
    """How much of what a layer makes is lost with a weight, when those that stay make up for it.

    Each weight counts what it costs in its turn, when those of its row before it are gone (Frantar
    et al. 2022): exactly, or in blocks of columns where that takes more than about a minute. What
    stays is the least-squares optimum. No loss is looked at; shares of what layers make are held
    against each other.
    """

    name: ClassVar[str] = "obs"
    needs: ClassVar[str] = ACTIVATIONS
    source: ClassVar[str] = "Dong et al. 2017 (layer-wise optimal brain surgeon)"

    def work(self, net: PrunableNet) -> float:
        """Return the most that it may be: what is left out to keep to `MOST_WORK` a layer is."""
        found = 0.0
        for key in net.keys:
            product = row_products(net.model, key)[0].product
            weights = float(prod(net.model.blobs(key[0])[key[1]].shape))
            for columns in _columns(product.width):
                width = columns.stop - columns.start
                found += product.groups * float(width) ** 3
            block = _widest_block(product.width, weights)
            found += min(2 / 3 * weights * block**2, MOST_WORK)  # the order of the weights
            found += min(weights * product.width**2, MOST_WORK)  # and what stays, fitted
        return found

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return the share of the mean square of a layer's outputs that goes with each weight."""
        found = {}
        for key, operation in _operations(net, net.keys):
            weights = operation.product.matrices(net.weights(key).astype(np.float64))
            costs, whole = np.empty_like(weights), 0.0
            block = _widest_block(weights.shape[-1], weights.size)
            for place in operation.places:
                surgeon = operation.surgeon(place)
                costs[place] = surgeon.costs(weights[place], block)
                whole += surgeon.error(weights[place])
            found[key] = operation.stored(costs / whole if whole else costs)
        return found

    def solve(self, net: PrunableNet, masks: Masks) -> Dict[ParameterKey, np.ndarray]:
        """Return the weights with which each layer makes nearest to the same."""
        found = {}
        for key, operation in _operations(net, [key for key in net.keys if key in masks]):
            weights = operation.product.matrices(net.weights(key).astype(np.float64))
            free = operation.product.matrices(masks[key])
            work = sum(WeightSurgeon.work(free[place]) for place in operation.places)
            for place in operation.places:
                surgeon = operation.surgeon(place)
                fit = surgeon.solve if work <= MOST_WORK else surgeon.approach
                weights[place] = fit(weights[place], free[place])
            found[key] = operation.stored(weights).astype(np.float32)
        return found


Place = Tuple[int, slice, slice]
"""Some columns of the weights of one group of a convolution."""


class _Operation(NamedTuple):
    """What a layer's weights are taken for, and what is known of what they read.

    Attributes:
        product: The layer.
        shape: Of its blob.
        seen: For each layer that shares the weights the moments of each group.
    """

    product: MatrixProduct
    shape: Tuple[int, ...]
    seen: List[List[Moments]]

    @property
    def places(self) -> List[Place]:
        columns = _columns(self.product.width)
        return [np.s_[group, :, own] for group in range(self.product.groups) for own in columns]

    def surgeon(self, place: Place) -> WeightSurgeon:
        """Layers that share weights count alike."""
        group, _, columns = place
        seen = [groups[group] for groups in self.seen]
        second = np.sum([one.second_of(columns) for one in seen], axis=0)
        return WeightSurgeon(second, ridge_for(len(second), sum(one.count for one in seen)))

    def stored(self, matrices: np.ndarray) -> np.ndarray:
        """Matrices of all groups, of the shape of the layer's blob."""
        return self.product.joined(list(matrices)).reshape(self.shape)


def _operations(
    net: PrunableNet, keys: Sequence[ParameterKey]
) -> Iterator[Tuple[ParameterKey, _Operation]]:
    uses = {key: row_products(net.model, key) for key in keys}
    layers = [use.product.layer for found in uses.values() for use in found]
    moments = net.require_calibrator().products(net.model, layers)
    for (name, index), found in uses.items():
        seen = [moments[use.product.layer.name].groups() for use in found]
        shape = net.model.blobs(name)[index].shape
        yield (name, index), _Operation(found[0].product, shape, seen)


def _columns(width: int) -> List[slice]:
    count = -(-width // WIDEST)
    bounds = [width * number // count for number in range(count + 1)]
    return [slice(start, stop) for start, stop in zip(bounds, bounds[1:])]


def _widest_block(width: int, weights: float) -> int:
    """The most columns of so many weights that may go together within `MOST_WORK`."""
    return min(width, max(LEAST_BLOCK, int((1.5 * MOST_WORK / weights) ** 0.5)))
