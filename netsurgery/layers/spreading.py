"""Eltwise layers of unequal bottoms: some toolchains spread the small ones, stock Caffe refuses."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from netsurgery.layers.shape import Shape


def spread_shape(shapes: Sequence[Optional[Shape]]) -> Optional[Shape]:
    """Return the shape to which bottoms spread, axes of size 1 along those of others.

    None where they do not: another number of axes, or sizes that differ and are not 1.
    """
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes) or len({len(shape) for shape in known}) != 1:
        return None
    columns = [set(sizes) - {1} for sizes in zip(*known)]
    if any(len(sizes) > 1 for sizes in columns):
        return None
    return tuple(next(iter(sizes), 1) for sizes in columns)


def covered_axes(small: Shape, whole: Shape) -> Optional[Tuple[int, int]]:
    """Return the first axis and the end of those that a bottom has in full.

    None where there is none, or others stand between them: no Scale or Bias can spread it then.
    """
    full = [axis for axis, (one, size) in enumerate(zip(small, whole)) if one == size]
    if not full or full != list(range(full[0], full[-1] + 1)):
        return None
    return full[0], full[-1] + 1
