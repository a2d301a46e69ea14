"""Layers that multiply by a matrix, in one form: groups of outputs by inputs by kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Optional

import numpy as np

from netsurgery.layers.layer import Layer
from netsurgery.layers.shape import Shape


@dataclass(frozen=True, eq=False)
class Linear:
    """What a layer multiplies its bottom by, and adds.

    Attributes:
        layer: The layer.
        weights: Shape (groups, outputs of a group, inputs of a group, kernel).
        bias: Shape (groups, outputs of a group); None where the layer has none.
        axis: The axis of channels of what it reads and makes, as the prototxt counts it.
        reads_rest: Whether every number from that axis on is an input of its own.
        meets_all: Whether every output adds up all weights of its row: no zeros stand beside the
            input, and no kernel hangs over the border.
    """

    layer: Layer
    weights: np.ndarray
    bias: Optional[np.ndarray]
    axis: int
    reads_rest: bool
    meets_all: bool

    @cached_property
    def touched(self) -> np.ndarray:
        """Whether an output depends on an input, shape (groups, outputs, inputs)."""
        return np.any(self.weights != 0, axis=-1)

    @property
    def takes_constants(self) -> bool:
        """Whether what a constant input adds to the outputs can go into the bias, exactly."""
        return self.meets_all and self.bias is not None

    def added_by(self, constants: np.ndarray) -> np.ndarray:
        """Return what constant inputs add to each output, shape (groups, outputs), float64.

        Args:
            constants: What each input holds, shape (groups, inputs of a group).
        """
        columns = np.flatnonzero(constants.any(axis=0))
        sums = self.weights[:, :, columns].sum(axis=-1, dtype=np.float64)
        return np.einsum("goi,gi->go", sums, constants[:, columns].astype(np.float64))

    def entries(self, held: np.ndarray, bottom: Shape) -> np.ndarray:
        """Return what each input holds, shape (groups, inputs of a group).

        Args:
            held: What a bottom holds, which broadcasts to its shape; NaN where that changes.
            bottom: Its shape.
        """
        axis = self.axis % len(bottom)
        kept = range(axis, len(bottom)) if self.reads_rest else (axis,)
        for other in range(len(bottom)):
            if other not in kept and held.shape[other] > 1:
                first = held.take([0], other)
                same = (held == first).all(axis=other, keepdims=True)
                held = np.where(same, first, np.nan)
        shape = [size if one in kept else 1 for one, size in enumerate(bottom)]
        return np.broadcast_to(held, shape).reshape(len(self.weights), -1)

    def placed(self, outputs: np.ndarray, axes: int, bottom: Shape) -> np.ndarray:
        """Return an array of (groups, outputs) along the axis of a top that has ``axes`` axes."""
        shape = [1] * axes
        shape[self.axis % len(bottom)] = outputs.size
        return outputs.reshape(shape)

    def constants(self, held: np.ndarray, bottom: Shape, axes: int) -> np.ndarray:
        """Return what a top holds whatever the net is fed, NaN where that changes.

        An output is constant that reads nothing but constants with weights other than 0.

        Args:
            held: What the bottom holds, which broadcasts to its shape.
            bottom: Its shape.
            axes: Number of axes of the top.
        """
        entries = self.entries(held, bottom)
        exact = np.isfinite(entries) if self.meets_all else entries == 0
        moving = self.touched.any(axis=2)
        if exact.any():
            moving = (self.touched & ~exact[:, None, :]).any(axis=2)
        made = self.added_by(np.where(exact, entries, 0))
        made = made if self.bias is None else made + self.bias
        return self.placed(np.where(moving, np.nan, made), axes, bottom)
