"""The classes of samples, from a text file."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import numpy as np

from netsurgery.errors import FormatError


def read_labels(file: Path, count: int, names: Sequence[str] = ()) -> np.ndarray:
    """Read a class per line in the order of the samples, or lines of ``name class``.

    Args:
        file: The text file.
        count: The number of samples.
        names: The file names of the samples, where they are images.

    Returns:
        int64 of shape (count,).

    Raises:
        FormatError: It is no such file, or does not fit the samples.
    """
    try:
        rows = [row for row in (line.rsplit(None, 1) for line in _lines(file)) if row]
        if rows and len(rows[0]) == 2:
            classes = {Path(name).name: int(label) for name, label in rows}
            if len(classes) < len(rows):
                raise FormatError("names an image twice", file=file)
            labels = [classes[name] for name in names]
        else:
            labels = [int(label) for (label,) in rows]
    except KeyError as error:
        raise FormatError(f"no class for image {error}", file=file) from error
    except ValueError as error:
        raise FormatError(f"neither classes nor names and classes: {error}", file=file) from error
    if len(labels) != count:
        raise FormatError(f"{len(labels)} classes for {count} samples", file=file)
    try:
        return np.array(labels, dtype=np.int64)
    except OverflowError:
        raise FormatError("holds a number that is no class", file=file) from None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8").splitlines()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", file=file) from error
