"""Photos in two halves, and views of them: whole, and windows of any size at the net's own."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
from photo_crops import photos

SEAMS = {"images_demo": (413, 807, 1290, 1714)}
"""Columns at which photos begin that stand side by side in one file."""

DRAWN = "synthetic_qr"
SMALLEST = 0.3
"""Of a window, as a share of the largest one that the photo holds."""

_UNSEEN = 0.15
"""Of the largest window, what of a photo need not be in one."""


class Halves(NamedTuple):
    """Photos, uint8 BGR of shape (H, W, 3): none is in both halves."""

    seen: List[np.ndarray]
    judged: List[np.ndarray]


def halves(folder: Path, only: Sequence[str] = ()) -> Halves:
    """Return every other photo of a folder, in the order of their names, and the others.

    Args:
        folder: The folder.
        only: The names without suffix of the photos wanted; all if empty.
    """
    import cv2

    found: List[np.ndarray] = []
    for file in photos(folder):
        if file.stem != DRAWN and (not only or file.stem in only):
            found += np.split(cv2.imread(str(file)), SEAMS.get(file.stem, ()), axis=1)
    return Halves(found[::2], found[1::2])


def views(half: Sequence[np.ndarray], count: int, size: Tuple[int, int], seed: int) -> np.ndarray:
    """Return what `windows` does, resized to ``size``: uint8 BGR of shape (count, H, W, 3)."""
    import cv2

    found = windows(half, count, size, seed)
    return np.stack([cv2.resize(one, size[::-1], interpolation=cv2.INTER_AREA) for one in found])


def largest(half: Sequence[np.ndarray], size: Tuple[int, int], times: float) -> np.ndarray:
    """Return the largest windows of photos, side by side: as many as show nearly all of each.

    Args:
        half: The photos.
        size: Height and width of what a net reads; windows have that shape.
        times: So many times as high and wide as that they are resized to.

    Returns:
        uint8 BGR of shape (count, H, W, 3).
    """
    import cv2

    found: List[np.ndarray] = []
    wanted = round(size[1] * times), round(size[0] * times)
    for photo in half:
        most = min(photo.shape[0] / size[0], photo.shape[1] / size[1])
        high, wide = (round(side * most) for side in size)
        count = ceil(max(photo.shape[0] / high, photo.shape[1] / wide) - _UNSEEN)
        for share in np.linspace(0, 1, count) if count > 1 else (0.5,):
            top, left = (
                round(share * (photo.shape[0] - high)),
                round(share * (photo.shape[1] - wide)),
            )
            window = photo[top : top + high, left : left + wide]
            found.append(cv2.resize(window, wanted, interpolation=cv2.INTER_AREA))
    return np.stack(found)


def windows(
    half: Sequence[np.ndarray], count: int, size: Tuple[int, int], seed: int
) -> List[np.ndarray]:
    """Return whole photos, and then windows at random places, each other one mirrored.

    Args:
        half: The photos.
        count: How many; number i shows photo ``i % len(half)``.
        size: Height and width of what will be made of them; windows have that shape.
        seed: Chooses places and sizes.
    """
    random = np.random.default_rng(seed)
    found = [np.ascontiguousarray(photo) for photo in half[:count]]
    while len(found) < count:
        window = _window(half[len(found) % len(half)], size, random)
        found.append(window[:, ::-1] if (len(found) // len(half)) % 2 else window)
    return found


def _window(photo: np.ndarray, size: Tuple[int, int], random: np.random.Generator) -> np.ndarray:
    most = min(photo.shape[0] / size[0], photo.shape[1] / size[1])
    scale = most * random.uniform(SMALLEST, 1)
    high, wide = (round(side * scale) for side in size)
    top = random.integers(photo.shape[0] - high + 1)
    left = random.integers(photo.shape[1] - wide + 1)
    return photo[top : top + high, left : left + wide]
