"""What a written pair must show of its masks, whatever made them."""

from __future__ import annotations

from typing import Collection, Tuple

import numpy as np

from netsurgery.network import Masks, Model, ParameterKey


def zero_faults(
    written: Model, masks: Masks, original: Model, moved: Collection[ParameterKey] = ()
) -> Tuple[str, ...]:
    """Return what is wrong with weights that were written, a line each; nothing where all is right.

    They are zero wherever a mask closes them. Where it leaves them open they are the original's,
    bit for bit, but for those that were to move.

    Args:
        written: The pair, read back.
        masks: Which weights are free.
        original: The net before.
        moved: Blobs whose open weights were to move: solved anew, or trained.
    """
    found = []
    for key, free in masks.items():
        name, index = key
        blob, before = written.blobs(name)[index], original.blobs(name)[index]
        now = blob.array()
        held = int(np.count_nonzero(now[~free]))
        if held:
            found.append(f"layer {name!r}: {held} weights are not zero that its mask closes")
        if key in moved:
            continue
        other = now[free].view(np.uint32) != before.array()[free].view(np.uint32)
        if other.any():
            found.append(
                f"layer {name!r}: {int(np.count_nonzero(other))} weights that its mask leaves open "
                "are not the original's"
            )
    return tuple(found)
