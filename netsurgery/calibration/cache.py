"""What calibration learnt, kept on disk, so that the next run need not learn it again."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence, Tuple, Union

import numpy as np

from netsurgery.calibration.arrays import read_npz
from netsurgery.calibration.inputs import Inputs
from netsurgery.errors import FormatError
from netsurgery.formats import make_folder, write_together
from netsurgery.linalg import Moments
from netsurgery.network import Model
from netsurgery.version import __version__

VARIABLE = "NETSURGERY_CACHE"
MOST_BYTES = 2 << 30
"""What all files may have together; the ones longest not used make way."""

_SEAL = "sha256"
"""The array that says what the others of a file must be, and what they are for."""

Arrays = Dict[str, np.ndarray]


def default_folder() -> Path:
    """Return where the cache lies if nobody says otherwise.

    It is $NETSURGERY_CACHE, or else ``netsurgery`` in $XDG_CACHE_HOME, by default ``~/.cache``;
    on Windows in %LOCALAPPDATA%.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    variable, usual = "XDG_CACHE_HOME", "~/.cache"
    if platform.system() == "Windows":
        variable, usual = "LOCALAPPDATA", "~/AppData/Local"
    return Path(os.environ.get(variable) or os.path.expanduser(usual)) / "netsurgery"


class StatisticsCache:
    """A folder with a file for each observer, named after all that its numbers depend on, code too.

    What an observer learnt is what its public attributes hold: arrays, counts, and `Moments`.
    Whatever is wrong with a file, it is as if it were not there: each holds a digest of its name
    and of all else that it holds.

    Attributes:
        folder: The folder.
        most_bytes: What its files may have together.
    """

    def __init__(self, folder: Union[str, Path], most_bytes: int = MOST_BYTES) -> None:
        self.folder = Path(folder) / "calibrator"
        self.most_bytes = most_bytes

    def key(self, models: Sequence[Model], inputs: Inputs, *more: object) -> str:
        """Return a digest of what is run.

        Args:
            models: The models, with the weights they have in memory.
            inputs: What they are fed.
            more: Whatever else the numbers depend on.
        """
        known = [model.digest for model in models]
        return question(_version(), inputs.sha256, inputs.whole_blobs, *more, *known)

    def learn(
        self,
        key: str,
        observers: Mapping[str, Any],
        run: Callable[[List[Any]], object],
    ) -> None:
        """Fill observers from the cache, and those it does not know by a run, which it remembers.

        Args:
            key: What is run, see `key`.
            observers: Observers by what they are asked, see `question`.
            run: Called with the observers that are missing, if any are.
        """
        places = {asked: self.folder / f"{question(key, asked)}.npz" for asked in observers}
        missing = [
            asked for asked, observer in observers.items() if not _fill(observer, places[asked])
        ]
        if not missing:
            return
        run([observers[asked] for asked in missing])
        try:
            make_folder(self.folder)
            for asked in missing:
                self._keep(observers[asked], places[asked])
            self._make_room()
        except FormatError as error:
            # It costs the next run time, and this one nothing.
            warnings.warn(f"what calibration learnt is not kept: {error}", stacklevel=2)

    def _keep(self, observer: Any, place: Path) -> None:
        arrays: Dict[str, Any] = dict(_learnt(observer))
        if not all(np.isfinite(array).all() for array in arrays.values()):
            return
        # One that would drive out most others, such as the moments of a huge fc6, is not worth it.
        if sum(array.nbytes for array in arrays.values()) <= self.most_bytes // 4:
            arrays[_SEAL] = np.array(_sealed(place, arrays))
            write_together({place: lambda stream: np.savez(stream, **arrays)})

    def _make_room(self) -> None:
        """Delete the files longest not used, also those of a run that was interrupted."""
        with contextlib.suppress(OSError):
            stats = [(entry.stat(), entry.path) for entry in os.scandir(self.folder)]
            total = sum(stat.st_size for stat, _ in stats)
            for stat, path in sorted(stats, key=lambda item: item[0].st_mtime):
                if total <= self.most_bytes:
                    break
                os.unlink(path)
                total -= stat.st_size


@functools.cache
def _version() -> str:
    """The version, and a digest of its code: another one may learn something else."""
    code = sorted(Path(__file__).parents[1].rglob("*.py"))
    return question(__version__, *(file.read_bytes() for file in code))


def _learnt(observer: Any) -> Iterator[Tuple[str, np.ndarray]]:
    """The arrays an observer holds, each under a name."""
    for name, value in _public(observer):
        for number, part in enumerate(value if isinstance(value, list) else [value]):
            arrays = part.to_arrays() if isinstance(part, Moments) else {"": np.asarray(part)}
            for kind, array in arrays.items():
                yield f"{name}/{number}/{kind}", array


def _public(observer: Any) -> List[Tuple[str, Any]]:
    return [(name, value) for name, value in vars(observer).items() if not name.startswith("_")]


def _fill(observer: Any, place: Path) -> bool:
    """Give an observer what a file holds; whether that is all the observer would learn."""
    try:
        arrays = read_npz(place)
        if str(arrays.pop(_SEAL)) != _sealed(place, arrays):
            return False
        found = {name: _restored(name, value, arrays) for name, value in _public(observer)}
    except (FormatError, KeyError, ValueError):
        return False
    with contextlib.suppress(OSError):
        os.utime(place)
    vars(observer).update(found)
    return True


def _sealed(place: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """A digest of what an entry is kept for, which its name is made of, and of all it holds."""
    return question(place.name, *(part for item in sorted(arrays.items()) for part in item))


def _restored(name: str, value: Any, arrays: Arrays) -> Any:
    if isinstance(value, list):
        return [_part(part, f"{name}/{number}/", arrays) for number, part in enumerate(value)]
    return _part(value, f"{name}/0/", arrays)


def _part(part: Any, prefix: str, arrays: Arrays) -> Any:
    """What stands in a file in the place of an array, a count or moments."""
    if isinstance(part, Moments):
        length = len(prefix)
        own = {name[length:]: a for name, a in arrays.items() if name.startswith(prefix)}
        return Moments.from_arrays(own)
    array = arrays[prefix]
    if array.shape != np.shape(part):
        raise ValueError(f"{prefix} is of shape {array.shape}")
    return array if isinstance(part, np.ndarray) else type(part)(array)


def question(*parts: object) -> str:
    """Return a digest of parts: texts, numbers, arrays, and tuples and lists of them."""
    digest = hashlib.sha256()
    _feed(digest, parts)
    return digest.hexdigest()


def _feed(digest: Any, part: object) -> None:
    if isinstance(part, (tuple, list)):
        digest.update(f"({len(part)} ".encode())
        for item in part:
            _feed(digest, item)
    elif isinstance(part, np.ndarray):
        digest.update(f"{part.dtype.str} {part.shape} ".encode() + part.tobytes())
    else:
        text = part if isinstance(part, bytes) else repr(part).encode()
        digest.update(f"{type(part).__name__} {len(text)} ".encode() + text)
