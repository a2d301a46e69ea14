"""How large a weight is beside those of its layer that would outlive it."""

from __future__ import annotations

from typing import ClassVar, Dict

import numpy as np

from netsurgery.criteria import WEIGHTS
from netsurgery.network import ParameterKey
from netsurgery.saliency.base import PrunableNet, Saliency
from netsurgery.saliency.registry import SALIENCIES


@SALIENCIES.register("lamp")
class Lamp(Saliency):
    """The square of a weight over the sum of all squares of its layer that are not smaller.

    Within a layer the order is that of magnitudes. Between layers it is how much of what is left
    of the layer goes, so that small layers and layers of small weights are spared.
    """

    name: ClassVar[str] = "lamp"
    needs: ClassVar[str] = WEIGHTS
    source: ClassVar[str] = "Lee et al. 2021 (layer-adaptive magnitude)"

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return shares, between 0 and 1."""
        return {key: layer_shares(net.weights(key).astype(np.float64) ** 2) for key in net.keys}


def layer_shares(squares: np.ndarray) -> np.ndarray:
    """Return each square over the sum of all of its layer that are not smaller.

    Args:
        squares: Of the weights of a layer, or of what stands for these.
    """
    values, number, counts = np.unique(squares, return_inverse=True, return_counts=True)
    left = np.cumsum((values * counts)[::-1])[::-1]
    shares = np.divide(values, left, out=np.zeros_like(values), where=left > 0)
    return shares[number.reshape(squares.shape)]
