"""Samples from NumPy files, matched to the inputs of a net."""

from __future__ import annotations

import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Optional, Sequence

import numpy as np

from netsurgery.calibration.inputs import Inputs, Samples
from netsurgery.errors import FormatError, NetsurgeryError

Shape = tuple[int, ...]
LABELS = "labels", "label"


def fit_arrays(
    arrays: Mapping[str, Any],
    shapes: Mapping[str, Shape],
    labels: Optional[np.ndarray] = None,
    description: str = "arrays",
    targets: Optional[Mapping[str, Any]] = None,
) -> Inputs:
    """Make `Inputs` of arrays that are named after the net's inputs.

    Raises:
        NetsurgeryError: A name, a number of axes or a kind of values does not fit.
    """
    if set(arrays) != set(shapes):
        raise NetsurgeryError(
            f"the net's inputs are {_listed(shapes)}, but samples are given for {_listed(arrays)}"
        )
    whole = any(arrays[name].ndim == len(shape) + 1 for name, shape in shapes.items())
    if not whole and len({shape[0] for shape in shapes.values()}) > 1:
        raise NetsurgeryError(
            "the net's inputs have different axes 0",
            remedy="give whole input blobs as samples: arrays with one axis more",
        )
    fitted: dict[str, Samples] = {}
    for name, shape in shapes.items():
        array = arrays[name]
        if array.dtype.kind not in "biuf" or array.ndim not in (len(shape), len(shape) + whole):
            raise NetsurgeryError(
                f"input {name!r} of the net is {shape}, which samples of shape {array.shape} "
                f"and type {array.dtype} do not fit"
            )
        fitted[name] = _WithAxis(array) if whole and array.ndim == len(shape) else array
    return Inputs(fitted, labels, description, whole, targets=targets or {})


class _WithAxis:
    """Samples as whole blobs with an axis 0 of one."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self.shape = (samples.shape[0], 1, *samples.shape[1:])
        self.ndim = len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        return np.asarray(self._samples[part])[:, None]


def read_arrays(file: Path, shapes: Mapping[str, Shape], targets: Sequence[str] = ()) -> Inputs:
    """Read an ``.npz`` with arrays named after the inputs, or an ``.npy`` for the only input.

    Labels are in an array of that name, or of Caffe's: ``label``. Where that is a target, it holds
    labels only if it could.

    Args:
        file: The file.
        shapes: The declared shape of each input.
        targets: Names of arrays that are wanted beside them, where they are there.

    Raises:
        FormatError: The file is not readable, or its arrays do not fit the inputs.
    """
    if file.suffix == ".npy":
        return _fit_unnamed({file.stem: read_npy(file, mmap_mode="r")}, shapes, file)
    arrays = read_npz(file)
    wanted = [name for name in targets if name in arrays and name not in shapes]
    told = {name: arrays.pop(name) for name in wanted}
    named = [name for name in LABELS if name in arrays and name not in shapes]
    labels = arrays.pop(named[0]) if named else None
    if labels is None:
        labels = next((whole_numbers(told[name]) for name in LABELS if name in told), None)
    return _fit_unnamed(arrays, shapes, file, labels, told)


def whole_numbers(rows: Any) -> Optional[np.ndarray]:
    """Return rows of one whole number for each sample; None if they are something else."""
    if prod(rows.shape[1:]) != 1:
        return None
    numbers = np.asarray(rows[:])
    return numbers if (numbers == np.trunc(numbers)).all() else None


def read_npy(file: Path, **options: Any) -> np.ndarray:
    """Return the array of an ``.npy`` file.

    Raises:
        FormatError: It is something else.
    """
    array = _guarded(file, lambda path: np.load(path, allow_pickle=False, **options), file)
    if not isinstance(array, np.ndarray):
        raise FormatError("an .npz under the name of an .npy", file=file)
    return array


def read_npz(file: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file.

    Raises:
        FormatError: It is something else, or damaged, or holds pickled objects.
    """
    archive = _guarded(file, lambda path: np.load(path, allow_pickle=False), file)
    if isinstance(archive, np.ndarray):
        raise FormatError("an .npy under the name of an .npz", file=file)
    with archive:
        return {name: _guarded(file, archive.__getitem__, name) for name in archive.files}


def _fit_unnamed(
    arrays: dict[str, Any],
    shapes: Mapping[str, Shape],
    file: Path,
    labels: Optional[np.ndarray] = None,
    targets: Optional[Mapping[str, Any]] = None,
) -> Inputs:
    """Fit arrays by name, or the single array to the single input."""
    if len(arrays) == 1 == len(shapes):
        arrays = dict(zip(shapes, arrays.values()))
    unused = sorted(set(arrays) - set(shapes)) if set(arrays) >= set(shapes) else []
    description = str(file) + (f" (not used: {', '.join(unused)})" if unused else "")
    used = {name: array for name, array in arrays.items() if name not in unused}
    try:
        return fit_arrays(used, shapes, labels, description, targets)
    except NetsurgeryError as error:
        raise FormatError(error.problem, file=file, remedy=error.remedy) from error


def _guarded(file: Path, read: Callable[[Any], Any], argument: Any) -> Any:
    """Call what reads a NumPy file, whose ways to fail are many."""
    try:
        return read(argument)
    except (OSError, ValueError, EOFError, KeyError, MemoryError, SyntaxError) as error:
        raise FormatError(f"not a readable NumPy file: {error}", file=file) from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"not a readable NumPy archive: {error}", file=file) from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "nothing"
