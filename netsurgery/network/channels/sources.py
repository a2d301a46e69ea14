"""Channels that come from outside, and layers behind which nothing is known."""

from __future__ import annotations

from typing import Dict, Optional

import numpy as np

from netsurgery.layers import Layer, Shape, Ties, placed
from netsurgery.network.shapes import RULES as KNOWN

_LOSS = "compares them with what should come out"
_FIXED = "gives each of them a meaning"
_REASONS: Dict[str, str] = {
    "Accuracy": _LOSS,
    "ArgMax": "looks for the largest of them",
    "LSTM": "is recurrent, and left as it is",
    "LSTMUnit": "is recurrent, and left as it is",
    "PSROIPooling": "takes them as position-sensitive maps",
    "Python": "runs code that nobody knows",
    "RNN": "is recurrent, and left as it is",
    "Reduction": "sums over them",
    "Reorg": "mixes them with pixels",
    "DetectionOutput": _FIXED,
    "Proposal": _FIXED,
}


def reason_of(layer: Layer) -> str:
    """Why a layer that has no rule needs all channels that it reads."""
    if layer.type in _REASONS:
        return _REASONS[layer.type]
    if layer.type.endswith("Loss"):
        return _LOSS
    return "may need each of them" if layer.type in KNOWN else "is of a type nothing is known of"


def input_labels(ties: Ties, blob: str, shape: Optional[Shape]) -> Optional[np.ndarray]:
    """Fresh labels for the channels of an input, or of data, which all stay.

    None where their number is not known, as of the labels beside images of a fork.
    """
    if shape is None or 0 in shape:
        return None
    axis = min(1, len(shape) - 1)
    labels = ties.make(blob, shape[1] if len(shape) > 1 else 1)
    ties.pin(labels, f"{blob} is an input of the network")
    return placed(labels, axis, len(shape)) if shape else labels.reshape(())
