"""Noise of training: what a net throws away by chance, and where it should not."""

from __future__ import annotations

from typing import NamedTuple, Tuple

from netsurgery.formats import Prototxt
from netsurgery.network import Network


class Quiet(NamedTuple):
    """A text without noise.

    Attributes:
        prototxt: The text.
        notes: What was done, a sentence each.
    """

    prototxt: Prototxt
    notes: Tuple[str, ...] = ()


def without_noise(prototxt: Prototxt) -> Quiet:
    """Return a training text whose layers of dropout hand on what they read.

    Dropout keeps a net from learning labels by heart. A teacher answers without it: what a net
    makes with it is off by noise that no step can take away, and a few hundred steps at a low rate
    do not average out.

    Args:
        prototxt: A V2 text whose layers are all built.
    """
    layers = [layer for layer in Network.of(prototxt, "TRAIN").layers if layer.layer_type.is_noise]
    if not layers:
        return Quiet(prototxt)
    # Every Caffe gives a layer the phase of its net only where it has none of its own.
    changes = {layer.text.index: layer.text.edited(fields={"phase": "TEST"}) for layer in layers}
    names = ", ".join(layer.name for layer in layers)
    note = f"{names} drop{'s' if len(layers) == 1 else ''} nothing, as the teacher does not"
    return Quiet(prototxt.replace_layers(changes), (note,))
