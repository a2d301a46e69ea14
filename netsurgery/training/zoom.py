"""Views of a picture from near and from far: windows of any size, brought to that of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from scipy import sparse

from netsurgery.errors import Remedy, RequestError
from netsurgery.network import Shape
from netsurgery.training.augmentation import Augmentation


@dataclass(frozen=True)
class ZoomedViews(Augmentation):
    """How views of a picture are drawn that are windows of it, resized.

    A few pictures show a net little of what it will see; windows of all sizes show what is in them
    small and large, at every place. A window has the proportions of a view, so that nothing is
    stretched, and is smoothed where it is made smaller.

    Attributes:
        zoom: The height of the smallest window, as a share of that of the largest one that the
            picture holds. All heights between are as likely.
    """

    zoom: float = 1.0

    def __post_init__(self) -> None:
        """See that there are such windows.

        Raises:
            RequestError: There are none.
        """
        super().__post_init__()
        if not 0 < self.zoom <= 1:
            raise RequestError(
                Remedy("{} is the share of a picture that is seen at least", "zoom"),
                remedy="give one such as 0.3",
            )

    @property
    def changes(self) -> bool:
        """Whether views of a picture differ."""
        return super().changes or self.zoom < 1

    def draw(self, random: np.random.RandomState, count: int, picture: Shape) -> np.ndarray:
        """Draw views.

        Args:
            random: Where from.
            count: How many.
            picture: (C, H, W) of the pictures.

        Returns:
            int64 of shape (count, 3): the top row and the left column in the picture with what is
            put around it, and twice the height of the window, and 1 more where it is mirrored.
        """
        shares = random.uniform(self.zoom, 1, count)
        heights = np.maximum(1, np.rint(shares * self._largest(picture))).astype(np.int64)
        widths = self._widths(heights, picture)
        room = (self._padded(size) - of for size, of in zip(picture[1:], (heights, widths)))
        places = [(random.uniform(0, 1, count) * (one + 1)).astype(np.int64) for one in room]
        mirrored = random.randint(0, 2, count) if self.mirror else np.zeros(count, np.int64)
        return np.stack([*places, 2 * heights + mirrored], axis=1).astype(np.int64)

    def plain(self, picture: Shape) -> Tuple[int, int, int]:
        """Return the view that a net is judged by: the largest window, in the centre."""
        height = max(1, round(self._largest(picture)))
        (width,) = self._widths(np.array([height]), picture).tolist()
        top, left = (
            (self._padded(size) - of) // 2 for size, of in zip(picture[1:], (height, width))
        )
        return top, left, 2 * height

    def views(self, pictures: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Return a view of each picture.

        Args:
            pictures: Shape (N, C, H, W).
            draws: Shape (N, 3), see `draw`.

        Returns:
            float32 of shape (N, C, height, width), each as large as `size` says.
        """
        shape = pictures.shape[1:]
        size = self.size(shape)
        heights, mirrored = np.divmod(draws[:, 2], 2)
        widths = self._widths(heights, shape)
        found = np.empty((len(pictures), shape[0], *size), np.float32)
        for number, picture in enumerate(self._with_margin(pictures)):
            top, left = draws[number, :2]
            high, wide = heights[number], widths[number]
            view = resized(picture[:, top : top + high, left : left + wide], size)
            found[number] = view[..., ::-1] if mirrored[number] else view
        return found

    def _largest(self, picture: Shape) -> float:
        """The height of the largest window that a picture holds."""
        height, width = self.size(picture)
        return height * min(picture[1] / height, picture[2] / width)

    def _widths(self, heights: np.ndarray, picture: Shape) -> np.ndarray:
        height, width = self.size(picture)
        found: np.ndarray = np.clip(np.rint(heights * (width / height)), 1, picture[2])
        return found.astype(np.int64)

    def _padded(self, size: int) -> int:
        return size + 2 * self.shift


def resized(picture: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Return a picture of another size: linear between pixels, and a mean of many where they are.

    Args:
        picture: Shape (C, H, W).
        size: The new height and width.

    Returns:
        float32; the picture itself where it has that size already.
    """
    channels, height, width = picture.shape
    if (height, width) == size:
        return picture.astype(np.float32, copy=False)
    rows, columns = (_mixing(old, new) for old, new in zip((height, width), size))
    # Both matrices stand on the left, as sparse ones multiply from there alone.
    flat = np.ascontiguousarray(picture.transpose(1, 2, 0), np.float32).reshape(height, -1)
    turned = np.ascontiguousarray((rows @ flat).reshape(size[0], width, channels).swapaxes(0, 1))
    made = (columns @ turned.reshape(width, -1)).reshape(size[1], size[0], channels)
    return np.ascontiguousarray(made.transpose(2, 1, 0))


def _mixing(old: int, new: int) -> sparse.csr_matrix:
    """How much of each old pixel of a line is in each new one: a triangle two of these wide."""
    scale = old / new
    reach = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale - 0.5
    first = np.floor(centres - reach).astype(np.int64)
    taps = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weights = np.maximum(0, 1 - np.abs(taps - centres[:, None]) / reach)
    weights[(taps < 0) | (taps >= old)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    lines = np.repeat(np.arange(new), taps.shape[1])
    places = lines, np.clip(taps, 0, old - 1).ravel()
    return sparse.csr_matrix((weights.ravel().astype(np.float32), places), shape=(new, old))
