"""A net for tools that know nothing of phases: without the layers that Caffe builds in others."""

from __future__ import annotations

from typing import Tuple

from netsurgery.errors import NetworkError
from netsurgery.formats import LayerText, Prototxt
from netsurgery.network.phases import State


def other_phases(prototxt: Prototxt, phase: str = "TEST") -> Tuple[LayerText, ...]:
    """Return the layers that Caffe leaves out in a phase: data for training, losses.

    OpenCV reads them as part of the net, and OpenVINO refuses most.

    Args:
        prototxt: The net.
        phase: ``"TEST"`` or ``"TRAIN"``.
    """
    state = State.of(phase, net=prototxt.state)
    return tuple(text for text in prototxt.layers if not state.includes(text.parameter))


def without_other_phases(prototxt: Prototxt) -> Prototxt:
    """Return the net with those layers alone that Caffe builds for TEST; all other bytes stay.

    Raises:
        NetworkError: None would be left.
    """
    gone = other_phases(prototxt)
    if len(gone) == len(prototxt.layers):
        raise NetworkError("no layer of this net is built for TEST", file=prototxt.file)
    return prototxt.replace_layers({text.index: b"" for text in gone}) if gone else prototxt
