"""What keeps measured values: found again under the same key, measured again if damaged."""

from __future__ import annotations

import abc
from typing import Callable, Dict, Mapping, Optional

import numpy as np

from netsurgery.measurements.keys import digest_of

Arrays = Dict[str, np.ndarray]


class MeasurementStore(abc.ABC):
    """Arrays by name under keys, see `netsurgery.measurements.digest_of`.

    Whatever is wrong with an entry, it is as if it were not there: each is kept with a digest of
    its key and of all that it holds. What is not finite is no measurement, and not kept.
    """

    @abc.abstractmethod
    def find(self, key: str) -> Optional[Arrays]:
        """Return what is kept under a key, or None."""

    def keep(self, key: str, arrays: Mapping[str, np.ndarray], told: str = "") -> None:
        """Keep arrays under a key.

        Args:
            key: The key.
            arrays: Finite arrays.
            told: What they are, for whoever looks into the store.

        Raises:
            FormatError: The store cannot be written.
        """
        if all(np.isfinite(array).all() for array in arrays.values()):
            self._write(key, {name: np.asarray(array) for name, array in arrays.items()}, told)

    def number(self, key: str, measure: Callable[[], float], told: str = "") -> float:
        """Return the number under a key; measure it and write it down where there is none.

        Raises:
            FormatError: The store cannot be written.
        """
        found = self.find(key)
        if found is not None and set(found) == {""} and found[""].shape == ():
            return float(found[""])
        measured = float(measure())
        self.keep(key, {"": np.array(measured)}, told)
        return measured

    @abc.abstractmethod
    def _write(self, key: str, arrays: Arrays, told: str) -> None: ...


class MemoryStore(MeasurementStore):
    """A store that is gone with the process."""

    def __init__(self) -> None:
        self._entries: Dict[str, Arrays] = {}

    def find(self, key: str) -> Optional[Arrays]:
        """Return what is kept under a key, or None."""
        found = self._entries.get(key)
        return None if found is None else dict(found)

    def _write(self, key: str, arrays: Arrays, told: str) -> None:
        self._entries[key] = {name: array.copy() for name, array in arrays.items()}


def sealed(key: str, arrays: Mapping[str, np.ndarray], told: str = "") -> str:
    """Return the digest that an entry is kept with."""
    return digest_of(key, told, *(part for item in sorted(arrays.items()) for part in item))
