"""Saliency ``relative``: how large a weight is beside those of its row and of its column."""

from __future__ import annotations

from typing import ClassVar, Dict

import numpy as np

from netsurgery.network import ParameterKey, as_stored, outputs_first
from netsurgery.saliency import SALIENCIES, PrunableNet, Saliency


@SALIENCIES.register("relative")
class Relative(Saliency):
    """The magnitude of a weight as a share of its row's, plus as a share of its column's.

    An input or an output whose weights are all small keeps its largest ones. Scores are shares,
    the smaller the larger the layer, so that those of different layers do not compare.
    """

    name: ClassVar[str] = "relative"
    needs: ClassVar[str] = "weights"
    source: ClassVar[str] = "Zhang et al. 2024 (relative importance)"
    comparable: ClassVar[bool] = False

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return sums of two shares, of 2 at most."""
        found = {}
        for key in net.keys:
            weights = outputs_first(net.model, key, net.weights(key).astype(np.float64))
            found[key] = as_stored(net.model, key, relative(np.abs(weights)))
        return found


def relative(magnitudes: np.ndarray) -> np.ndarray:
    """Return magnitudes, outputs first, as shares of what their row and their column adds up to.

    Args:
        magnitudes: Shape (n, ...).
    """
    matrix = magnitudes.reshape(len(magnitudes), -1)
    sums = matrix.sum(axis=1, keepdims=True), matrix.sum(axis=0, keepdims=True)
    shares = [np.divide(matrix, s, out=np.zeros_like(matrix), where=s > 0) for s in sums]
    return (shares[0] + shares[1]).reshape(magnitudes.shape)
