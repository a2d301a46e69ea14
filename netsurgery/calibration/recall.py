"""Observers that are filled from a store, or by a run whose values are kept there."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Iterator, List, Mapping, Tuple

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.linalg import Moments
from netsurgery.measurements import Arrays, MeasurementStore, digest_of


def recall_or_run(
    store: MeasurementStore,
    key: str,
    observers: Mapping[str, Any],
    run: Callable[[List[Any]], object],
    told: str = "",
) -> None:
    """Fill observers from a store, and those it does not know by a run, which it then keeps.

    What an observer learnt is what its public attributes hold: arrays, counts, and `Moments`.

    Args:
        store: The store.
        key: All that the values depend on, besides what each observer is asked.
        observers: Observers by what they are asked.
        run: Called with the observers that are missing, if any are.
        told: Of what they learn, for whoever looks into the store.
    """
    keys = {asked: digest_of(key, asked) for asked in observers}
    missing = [
        asked for asked, observer in observers.items() if not _fill(observer, store, keys[asked])
    ]
    if not missing:
        return
    run([observers[asked] for asked in missing])
    try:
        for asked in missing:
            store.keep(keys[asked], dict(_learnt(observers[asked])), told)
    except FormatError as error:
        # It costs the next run time, and this one nothing.
        warnings.warn(f"what calibration learnt is not kept: {error}", stacklevel=2)


def _learnt(observer: Any) -> Iterator[Tuple[str, np.ndarray]]:
    """The arrays an observer holds, each under a name."""
    for name, value in _public(observer):
        for number, part in enumerate(value if isinstance(value, list) else [value]):
            arrays = part.to_arrays() if isinstance(part, Moments) else {"": np.asarray(part)}
            for kind, array in arrays.items():
                yield f"{name}/{number}/{kind}", array


def _public(observer: Any) -> List[Tuple[str, Any]]:
    return [(name, value) for name, value in vars(observer).items() if not name.startswith("_")]


def _fill(observer: Any, store: MeasurementStore, key: str) -> bool:
    """Give an observer what a store holds; whether that is all the observer would learn."""
    arrays = store.find(key)
    if arrays is None:
        return False
    try:
        found = {name: _restored(name, value, arrays) for name, value in _public(observer)}
    except (KeyError, ValueError):
        return False
    vars(observer).update(found)
    return True


def _restored(name: str, value: Any, arrays: Arrays) -> Any:
    if isinstance(value, list):
        return [_part(part, f"{name}/{number}/", arrays) for number, part in enumerate(value)]
    return _part(value, f"{name}/0/", arrays)


def _part(part: Any, prefix: str, arrays: Arrays) -> Any:
    """What is kept in the place of an array, a count or moments."""
    if isinstance(part, Moments):
        length = len(prefix)
        own = {name[length:]: a for name, a in arrays.items() if name.startswith(prefix)}
        return Moments.from_arrays(own)
    array = arrays[prefix]
    if array.shape != np.shape(part):
        raise ValueError(f"{prefix} is of shape {array.shape}")
    return array if isinstance(part, np.ndarray) else type(part)(array)
