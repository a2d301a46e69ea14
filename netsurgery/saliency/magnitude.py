"""How large a weight is."""

from __future__ import annotations

from typing import ClassVar, Dict

import numpy as np

from netsurgery.criteria import WEIGHTS
from netsurgery.network import ParameterKey
from netsurgery.saliency.base import PrunableNet, Saliency
from netsurgery.saliency.registry import SALIENCIES


@SALIENCIES.register("magnitude")
class Magnitude(Saliency):
    """The magnitude of each weight. Of all layers together, one threshold holds for all."""

    name: ClassVar[str] = "magnitude"
    needs: ClassVar[str] = WEIGHTS
    source: ClassVar[str] = "Han et al. 2015"

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return magnitudes."""
        return {key: np.abs(net.weights(key)).astype(np.float64) for key in net.keys}
