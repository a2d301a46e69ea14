"""Channels that come from outside."""

from __future__ import annotations

from typing import Optional

import numpy as np

from netsurgery.layers import Shape, Ties, placed


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
