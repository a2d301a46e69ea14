"""About how long models take, against each other: the longest are to begin first."""

from __future__ import annotations

from netsurgery.errors import NetsurgeryError
from netsurgery.network import load, total_cost
from netsurgery.zoo.entry import Entry


def effort_of(entry: Entry) -> int:
    """Return a number that is larger for a model that takes longer.

    That is the multiply-accumulates of a forward pass, as proving a pair is what takes longest;
    where these are not known, the bytes of the weights.

    Args:
        entry: The model.
    """
    size = entry.weights.stat().st_size if entry.weights.is_file() else 0
    try:
        macs = total_cost(load(entry.prototxt, entry.weights, entry.input_shapes)).macs
    except NetsurgeryError:
        return size
    return macs or size
