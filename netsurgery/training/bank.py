"""A fixed number of views of each input, drawn once: what a teacher answers, and nothing else."""

from __future__ import annotations

import hashlib
from math import ceil
from typing import Any, Optional

import numpy as np

from netsurgery.calibration import HeldSamples, Inputs, held
from netsurgery.errors import Remedy, RequestError
from netsurgery.network import Shape
from netsurgery.training.augmentation import Augmentation, pictures_of
from netsurgery.training.draws import random_of
from netsurgery.training.zoom import ZoomedViews

ENOUGH, MOST, MOST_ZOOMED = 2048, 32, 256
"""Views of all inputs together that are plenty; of one input, at one size and at all."""


def usual_views(inputs: int, augmentation: Augmentation) -> int:
    """Return how many views of each input there are where nobody says so.

    Args:
        inputs: How many inputs there are.
        augmentation: What views are drawn.
    """
    if not augmentation.changes:
        return 1
    most = MOST_ZOOMED if isinstance(augmentation, ZoomedViews) else MOST
    return min(max(ceil(ENOUGH / inputs), 1), most)


class ViewBank:
    """Views of inputs, numbered: view v of input i has the number ``i * views + v``.

    View 0 of each input is the plain one, its centre.

    Attributes:
        inputs: The inputs.
        augmentation: What views were drawn.
        views: How many of each input.
        seed: Of the draw.
        draws: int64 of shape (inputs, views, 3), see `Augmentation.draw`.
    """

    def __init__(
        self,
        inputs: Inputs,
        augmentation: Optional[Augmentation] = None,
        views: Optional[int] = None,
        seed: int = 0,
    ) -> None:
        """Draw the views.

        Args:
            inputs: The inputs.
            augmentation: What views are drawn; only the plain ones if None.
            views: How many of each input; see `usual_views` if None.
            seed: Of the draw.

        Raises:
            RequestError: There are no such views of these inputs.
        """
        self.inputs, self.seed = inputs, seed
        self.augmentation = augmentation or Augmentation()
        self._pictures = pictures_of(inputs, self.augmentation)
        if views is not None and views < 1:
            raise RequestError(Remedy("{} is 1 or more", "views"))
        if self._pictures is None:
            self.views = 1
        else:
            self.views = views or usual_views(len(inputs), self.augmentation)
        self.draws = self._draw()

    def __len__(self) -> int:
        return len(self.inputs) * self.views

    def numbers(self, inputs: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Return the numbers of views of inputs."""
        return inputs * self.views + views

    def of_at_most(self, views: int) -> ViewBank:
        """Return a bank of the same inputs with no more views of each."""
        if views >= self.views:
            return self
        return ViewBank(self.inputs, self.augmentation, views, self.seed)

    @property
    def digest(self) -> str:
        """By what a bank is known again: its inputs and its views."""
        digest = hashlib.sha256(self.inputs.digest.encode())
        digest.update(repr((self.augmentation, self.draws.shape)).encode())
        digest.update(self.draws.tobytes())
        return digest.hexdigest()

    def as_inputs(self) -> Inputs:
        """Return all views as inputs in the order of their numbers, each made when asked for."""
        if self._pictures is None:
            return self.inputs
        samples = _Views(self, held(self.inputs.arrays[self._pictures]))
        told = f"{self.views} views each of {self.inputs.description}"
        return Inputs({self._pictures: samples}, description=told)

    def _draw(self) -> np.ndarray:
        if self._pictures is None:
            return np.zeros((len(self.inputs), 1, 3), np.int64)
        shape = self.inputs.arrays[self._pictures].shape[1:]
        found = self.augmentation.draw(random_of(self.seed, "bank"), len(self), shape)
        found = found.reshape(len(self.inputs), self.views, 3)
        found[:, 0] = self.augmentation.plain(shape)
        return found


class _Views:
    """The views of a bank, as samples."""

    def __init__(self, bank: ViewBank, pictures: HeldSamples) -> None:
        self._bank, self._pictures = bank, pictures
        size = bank.augmentation.size(pictures.shape[1:])
        self.shape: Shape = (len(bank), pictures.shape[1], *size)
        self.ndim = len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        inputs, views = np.divmod(np.arange(len(self._bank))[part], self._bank.views)
        draws = self._bank.draws[inputs, views]
        return self._bank.augmentation.views(self._pictures.take(inputs), draws)
