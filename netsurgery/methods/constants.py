"""Let biases take over what dead channels add: cutting those changes nothing but rounding."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterable, List, Sequence

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import LayerWeights
from netsurgery.network import ChannelGroup, Model, Reading, find_dead


def fold_constants(
    model: Model, groups: Iterable[ChannelGroup], group: ChannelGroup, keep: Sequence[int]
) -> Model:
    """Return the model with the constants of channels that will go in the biases that read them.

    Args:
        model: The model before anything is cut.
        groups: Its groups of channels.
        group: The group that will be cut.
        keep: The channels that stay.

    Raises:
        PlanError: A channel that does not stay is not dead.
    """
    dead = find_dead(model, groups)[group.name]
    going = np.ones(group.channels + 1, bool)
    going[[*keep, -1]] = False  # -1 stands for what belongs to other groups
    alive = np.flatnonzero(going[:-1] & ~dead.channels).tolist()
    if alive:
        raise PlanError(
            f"channel {alive[0]} is not dead{dead.why(alive[0])}",
            layer=group.name,
            remedy="keep it, or compensate in another way",
        )
    folded = (_folded(model, reading, going) for reading in dead.readings)
    changes = {name: layers for part in folded for name, layers in part.items()}
    assert model.weights is not None
    return replace(model, weights=model.weights.replace(changes))


def _folded(model: Model, reading: Reading, going: np.ndarray) -> Dict[str, List[LayerWeights]]:
    linear = reading.linear
    if linear is None or linear.bias is None or not linear.takes_constants:
        return {}
    lost = going[reading.channels] & np.isfinite(reading.constants)
    added = linear.added_by(np.where(lost, reading.constants, 0))
    if not added.any():
        return {}
    name, bias = linear.layer.name, linear.bias + added
    assert model.weights is not None
    return {
        name: [
            LayerWeights(layer.name, layer.type, (blobs[0], blobs[1].filled(bias), *blobs[2:]))
            for layer in model.weights.find(name)
            for blobs in (layer.blobs,)
        ]
    }
