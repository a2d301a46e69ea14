"""Views of a picture as Caffe's DataTransformer makes them while it trains: cut and mirrored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Mapping, Optional, Tuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from netsurgery.calibration import Inputs, Samples
from netsurgery.errors import Remedy, RequestError
from netsurgery.network import Shape


@dataclass(frozen=True)
class Augmentation:
    """How views of a picture are drawn.

    Means and scales are applied before: they are the same for each pixel, or of the size of the
    uncut picture, so that cutting and mirroring can follow.

    Attributes:
        mirror: Every other view is mirrored, at random.
        crop: Height and width that are cut out, anywhere; None: nothing is cut off.
        shift: So many pixels of ``fill`` are put around the picture before that, and without a
            ``crop`` as much is cut out as the picture was large. For pictures without a margin.
        fill: What is put around.
    """

    mirror: bool = False
    crop: Optional[Tuple[int, int]] = None
    shift: int = 0
    fill: float = 0.0

    def __post_init__(self) -> None:
        if self.shift < 0 or (self.crop is not None and min(self.crop) < 1):
            name = "shift" if self.shift < 0 else "crop"
            raise RequestError(Remedy("{} is a number of pixels", name), remedy="give 1 or more")

    @property
    def changes(self) -> bool:
        """Whether views of a picture differ."""
        return self.mirror or self.crop is not None or self.shift > 0

    def size(self, picture: Shape) -> Tuple[int, int]:
        """Return height and width of a view.

        Args:
            picture: (C, H, W) of a picture.

        Raises:
            RequestError: The picture is smaller than what is to be cut out, or no picture.
        """
        if len(picture) != 3:
            raise RequestError(f"samples of shape {picture} are no pictures to make views of")
        cut = self.crop or (picture[1], picture[2])
        if any(size > have + 2 * self.shift for size, have in zip(cut, picture[1:])):
            raise RequestError(
                Remedy(f"{cut[0]} x {cut[1]} cannot be cut out of pictures of {picture}", "crop"),
                remedy=Remedy("give a smaller {}", "crop"),
            )
        if any(self.shift >= have for have in picture[1:]):
            raise RequestError(
                Remedy(f"{{}} {self.shift} moves pictures of {picture} out of sight", "shift"),
                remedy=Remedy("give a smaller {}", "shift"),
            )
        return cut

    def draw(self, random: np.random.RandomState, count: int, picture: Shape) -> np.ndarray:
        """Draw views.

        Args:
            random: Where from.
            count: How many.
            picture: (C, H, W) of the pictures.

        Returns:
            int64 of shape (count, 3): the top row, the left column, and 1 where it is mirrored.
        """
        room = self._room(picture)
        places = [random.randint(0, size + 1, count) for size in room]
        mirrored = random.randint(0, 2, count) if self.mirror else np.zeros(count)
        return np.stack([*places, mirrored], axis=1).astype(np.int64)

    def plain(self, picture: Shape) -> Tuple[int, int, int]:
        """Return the view that Caffe takes when it tests: the centre, not mirrored."""
        top, left = (size // 2 for size in self._room(picture))
        return top, left, 0

    def views(self, pictures: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Return a view of each picture.

        Args:
            pictures: Shape (N, C, H, W).
            draws: Shape (N, 3), see `draw`.

        Returns:
            Of shape (N, C, height, width), of the pictures' type, each as large as `size` says.
        """
        size = self.size(pictures.shape[1:])
        if size != pictures.shape[2:] or self.shift:
            places = sliding_window_view(self._with_margin(pictures), size, axis=(2, 3))
            pictures = places[np.arange(len(pictures)), :, draws[:, 0], draws[:, 1]]
        elif self.mirror:
            pictures = pictures.copy()
        if self.mirror:
            mirrored = draws[:, 2] == 1
            pictures[mirrored] = pictures[mirrored][..., ::-1]
        return pictures

    def _with_margin(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures with what is put around them."""
        if not self.shift:
            return pictures
        shape = *pictures.shape[:2], *(size + 2 * self.shift for size in pictures.shape[2:])
        found = np.full(shape, self.fill, pictures.dtype)
        found[:, :, self.shift : -self.shift, self.shift : -self.shift] = pictures
        return found

    def _room(self, picture: Shape) -> Tuple[int, int]:
        height, width = self.size(picture)
        margin = 2 * self.shift
        return picture[1] + margin - height, picture[2] + margin - width


def pictures_of(inputs: Inputs, augmentation: Augmentation) -> Optional[str]:
    """Return the input of which views are drawn; None where views do not differ.

    Raises:
        RequestError: There are no such views of these inputs.
    """
    if not augmentation.changes:
        return None
    names = list(inputs.arrays)
    if len(names) != 1 or inputs.whole_blobs or inputs.arrays[names[0]].ndim != 4:
        raise RequestError(
            "views can be made of pictures that are a net's only input, not of "
            + ", ".join(f"{name!r} {tuple(inputs.arrays[name].shape)}" for name in names),
            remedy=Remedy("leave {}, {} and {} out", "mirror", "crop", "shift"),
        )
    augmentation.size(inputs.arrays[names[0]].shape[1:])
    return names[0]


def fitted_views(
    augmentation: Augmentation, inputs: Inputs, shapes: Mapping[str, Shape]
) -> Augmentation:
    """Return how views are drawn that a net takes: those of larger pictures are cut out of them.

    Args:
        augmentation: What is asked for.
        inputs: The pictures.
        shapes: The shape of each input of the net, axis 0 included.

    Raises:
        RequestError: Views would be of another size, or there are no such views.
    """
    pictures = {name: tuple(samples.shape[1:]) for name, samples in inputs.arrays.items()}
    for blob, shape in shapes.items():
        have, wanted = pictures.get(blob, ()), tuple(shape[1:])
        if len(have) == len(wanted) == 3 and have != wanted and augmentation.crop is None:
            augmentation = replace(augmentation, crop=(wanted[1], wanted[2]))
    name = pictures_of(inputs, augmentation)
    if name is not None:
        size, wanted = augmentation.size(pictures[name]), tuple(shapes[name][2:])
        if size != wanted:
            raise RequestError(
                Remedy(
                    f"{{}} makes views of {size[0]} x {size[1]}, and the net's input {name!r} is "
                    f"{wanted[0]} x {wanted[1]}",
                    "crop",
                ),
                remedy=Remedy("give the size of the net's input as {}, or leave it out", "crop"),
            )
    return augmentation


def plain_inputs(inputs: Inputs, augmentation: Augmentation) -> Inputs:
    """Return what is fed where a net is judged: of each picture the centre, made when asked for."""
    name = pictures_of(inputs, augmentation)
    if name is None or augmentation.crop is None:
        return inputs
    return replace(inputs, arrays={name: _Centres(inputs.arrays[name], augmentation)})


class _Centres:
    """The plain views of pictures."""

    def __init__(self, pictures: Samples, augmentation: Augmentation) -> None:
        self._pictures, self._augmentation = pictures, augmentation
        size = augmentation.size(pictures.shape[1:])
        self.shape: Shape = (*pictures.shape[:2], *size)
        self.ndim = len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        pictures = np.asarray(self._pictures[part], np.float32)
        plain = np.array([self._augmentation.plain(pictures.shape[1:])] * len(pictures), np.int64)
        return self._augmentation.views(pictures, plain.reshape(-1, 3))
