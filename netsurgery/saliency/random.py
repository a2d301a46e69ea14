"""Chance: what every saliency has to beat."""

from __future__ import annotations

from typing import ClassVar, Dict

import numpy as np

from netsurgery.criteria import WEIGHTS
from netsurgery.network import ParameterKey
from netsurgery.saliency.base import PrunableNet, Saliency
from netsurgery.saliency.registry import SALIENCIES


@SALIENCIES.register("random")
class RandomSaliency(Saliency):
    """Numbers that depend on the seed, the layer's name and the blob's index alone."""

    name: ClassVar[str] = "random"
    needs: ClassVar[str] = WEIGHTS
    source: ClassVar[str] = "a control"

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return numbers between 0 and 1, each as likely as the other."""
        found = {}
        for name, index in net.keys:
            seed = [net.seed, index, *name.encode("utf-8", "surrogateescape")]
            shape = net.model.blobs(name)[index].shape
            found[name, index] = np.random.RandomState(seed).random_sample(shape)
        return found
