"""Few of many: numbers spread evenly over a range."""

from __future__ import annotations

from typing import List

import numpy as np


def even_numbers(count: int, most: int) -> List[int]:
    """Return at most ``most`` of the numbers from 0 to ``count - 1``, both ends among them."""
    if count <= most:
        return list(range(count))
    return np.unique(np.round(np.linspace(0, count - 1, most)).astype(int)).tolist()
