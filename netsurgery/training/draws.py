"""Random numbers that depend on what they are for alone, and stay what they are in every NumPy."""

from __future__ import annotations

import hashlib

import numpy as np


def random_of(seed: int, *purpose: object) -> np.random.RandomState:
    """Return a stream of random numbers of its own.

    NumPy promises that the numbers of a ``RandomState`` never change (NEP 19); those of its newer
    generators may.

    Args:
        seed: The user's.
        purpose: Words and numbers that say what they are for.
    """
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return np.random.RandomState(np.frombuffer(digest, "<u4"))
