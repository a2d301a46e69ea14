"""Squares cut out of photos, as a face detector's last stage is fed them."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Sequence

import numpy as np

SIDES = (32, 48, 72, 108, 160)
"""In pixels of the photo."""

SIZE = 48
"""Of what the net is fed."""


def photos(folder: Path) -> List[Path]:
    """Return the photos of a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))


def crops(files: Sequence[Path]) -> np.ndarray:
    """Return squares of several sizes from a grid over photos, each a third of its side on.

    Returns:
        (x - 127.5) / 128 of RGB, height and width swapped as MTCNN's authors have them, float32 of
        shape (N, 3, 48, 48).
    """
    import cv2

    found = []
    for file in files:
        photo = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        for square in _squares(photo):
            small = cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
            found.append(small.transpose(2, 1, 0))
    return ((np.stack(found) - np.float32(127.5)) / np.float32(128)).astype(np.float32)


def _squares(photo: np.ndarray) -> Iterator[np.ndarray]:
    height, width = photo.shape[:2]
    for side in SIDES:
        for top in range(0, height - side + 1, side // 3):
            for left in range(0, width - side + 1, side // 3):
                yield photo[top : top + side, left : left + side]
