"""Targets that have places, as a segmentation has: cut and mirrored as their pictures are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import prod
from typing import Any, Dict, NamedTuple, Optional

import numpy as np

from netsurgery.calibration import Inputs, Samples
from netsurgery.errors import Remedy, RequestError
from netsurgery.network import Shape
from netsurgery.training.augmentation import Augmentation, pictures_of, plain_inputs
from netsurgery.training.zoom import ZoomedViews


class MapViews(NamedTuple):
    """How targets with places follow the views of a picture.

    Attributes:
        scale: How many places along an axis each pixel of the picture has.
        cuts: What is done to the targets of a picture.
        shape: That of the targets of a view; the last two axes are places.
    """

    scale: int
    cuts: Augmentation
    shape: Shape

    @classmethod
    def of(
        cls, name: str, shape: Shape, picture: Shape, augmentation: Augmentation
    ) -> Optional[MapViews]:
        """Return how targets follow; None where they have no places, or views do not differ.

        Args:
            name: Of the targets.
            shape: Of those of a picture.
            picture: (C, H, W) of it.
            augmentation: How views of it are drawn.

        Raises:
            RequestError: They cannot follow.
        """
        if not augmentation.changes or not has_places(shape):
            return None
        if augmentation.shift or isinstance(augmentation, ZoomedViews):
            what = "shift", "shows what lies beside a picture, where it has none"
            if not augmentation.shift:
                what = "zoom", "resizes pictures, of which it knows one size"
            raise RequestError(
                Remedy(f"{name!r} has places, and {{}} {what[1]}", what[0]),
                remedy=Remedy("leave {} out", what[0]),
            )
        size, have, places = augmentation.size(picture), picture[1:], shape[-2:]
        if size == have:
            return cls(1, replace(augmentation, crop=None), shape)
        scale = places[0] // have[0]
        if scale < 1 or places != tuple(scale * one for one in have):
            raise RequestError(
                Remedy(
                    f"{name!r} has {_told(places)} places for pictures of {_told(have)}, of which "
                    "{} cuts out a part",
                    "crop",
                ),
                remedy=Remedy(
                    "give as many places as pixels, or whole multiples, or no {}", "crop"
                ),
            )
        cut = scale * size[0], scale * size[1]
        return cls(scale, replace(augmentation, crop=cut), (*shape[:-2], *cut))

    def views(self, targets: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Return the targets of a view of each picture.

        Args:
            targets: Shape (N, ...).
            draws: Shape (N, 3), see `Augmentation.draw`: those of the pictures.
        """
        maps = targets.reshape(len(targets), -1, *targets.shape[-2:])
        moved = self.cuts.views(maps, draws * (self.scale, self.scale, 1))
        return moved.reshape(len(targets), *self.shape)


def has_places(shape: Shape) -> bool:
    """Return whether targets of a shape have places; axes for inputs left out."""
    return len(shape) > 1 and prod(shape[1:]) > 1


def target_views(inputs: Inputs, name: str, augmentation: Augmentation) -> Optional[MapViews]:
    """Return how targets beside inputs follow the views of these; None where they stay.

    Args:
        inputs: The inputs.
        name: Of the targets.
        augmentation: How views are drawn.

    Raises:
        RequestError: They cannot follow, or there are no such views of these inputs.
    """
    pictures = pictures_of(inputs, augmentation)
    if pictures is None:
        return None
    picture = tuple(inputs.arrays[pictures].shape[1:])
    return MapViews.of(name, tuple(inputs.targets[name].shape[1:]), picture, augmentation)


def sample_shapes(inputs: Inputs, augmentation: Augmentation) -> Dict[str, Shape]:
    """Return the shape of the targets of one view, of each of those beside some inputs.

    Args:
        inputs: The inputs.
        augmentation: How views are drawn; what cannot follow them stays as it is.
    """
    found = {name: tuple(samples.shape[1:]) for name, samples in inputs.targets.items()}
    found.update((name, one.shape) for name, one in _that_follow(inputs, augmentation).items())
    return found


def plain_samples(inputs: Inputs, augmentation: Augmentation) -> Inputs:
    """Return what a net is judged by: of each picture, and of the targets of it, the centre.

    Args:
        inputs: The inputs.
        augmentation: How views are drawn.
    """
    plain = plain_inputs(inputs, augmentation)
    if plain is inputs:
        return inputs
    (picture,) = (tuple(samples.shape[1:]) for samples in inputs.arrays.values())
    draw = np.array(augmentation.plain(picture), np.int64)
    cut: Dict[str, Samples] = {
        name: _PlainMaps(inputs.targets[name], one, draw)
        for name, one in _that_follow(inputs, augmentation).items()
    }
    return replace(plain, targets={**inputs.targets, **cut})


def _that_follow(inputs: Inputs, augmentation: Augmentation) -> Dict[str, MapViews]:
    found = {}
    for name in inputs.targets:
        with suppress(RequestError):  # told where something reads them
            views = target_views(inputs, name, augmentation)
            found.update({} if views is None else {name: views})
    return found


class _PlainMaps:
    """The targets of plain views, made when they are asked for."""

    def __init__(self, targets: Samples, views: MapViews, draw: np.ndarray) -> None:
        self._targets, self._views, self._draw = targets, views, draw
        self.shape: Shape = (targets.shape[0], *views.shape)
        self.ndim = len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        targets = np.asarray(self._targets[part])
        return self._views.views(targets, np.tile(self._draw, (len(targets), 1)))


def _told(size: Shape) -> str:
    return " x ".join(map(str, size))
