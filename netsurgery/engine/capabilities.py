"""What an engine can do, by name: who needs something says what, and asks for no class."""

from __future__ import annotations

import enum
from typing import Iterable, Mapping, Tuple


class Capability(enum.Enum):
    """Something that an engine may be able to do; its value is what messages call it.

    Each stands for methods of `Session`, see `SESSION_METHODS`, for one of `Engine`, or for what an
    engine takes.
    """

    FORWARD = "forward"
    """Runs a net on inputs and answers any blob: `Session.forward`."""
    GRADIENTS = "gradients"
    """Runs backward and answers the gradient of any blob: `Session.backward`."""
    READ_PARAMETERS = "read parameters"
    """Answers the weights it holds: `Session.parameters`."""
    SET_PARAMETERS = "set parameters"
    """Takes new weights for layers of an open net: `Session.set_parameters`."""
    ABLATE = "ablate"
    """Runs the end of a net again without some weights: `Session.forward_without`."""
    WRITE_WEIGHTS = "write weights"
    """Writes a weights file itself: `Session.save`."""
    TIME = "time"
    """Times forward passes: `Session.time`."""
    RESUME = "resume"
    """Fed the same again, runs only the layers from the first on whose weights were set."""
    TRAIN = "train"
    """Opens nets as they are built for training: ``phase="TRAIN"``."""
    SOLVE = "run a solver"
    """Trains a net by a solver's rules: `Engine.open_training`."""
    DEVICE = "device"
    """Takes the option ``device``: where it is to run, such as ``cuda:0``."""
    HDF5 = "HDF5"
    """Reads weights in HDF5 as they are; others are given a caffemodel."""
    FLOAT16 = "float16"
    """Reads caffemodels of NVIDIA's Caffe in float16 as they are; others are given float32."""

    def __str__(self) -> str:
        return self.value


SESSION_METHODS: Mapping[Capability, Tuple[str, ...]] = {
    Capability.FORWARD: ("forward",),
    Capability.GRADIENTS: ("backward",),
    Capability.READ_PARAMETERS: ("parameters",),
    Capability.SET_PARAMETERS: ("parameter_shapes", "set_parameters"),
    Capability.ABLATE: ("forward_without",),
    Capability.WRITE_WEIGHTS: ("save",),
    Capability.TIME: ("time",),
}
"""The methods of a session that stand for a capability; an engine has all of them or none."""


def listed(capabilities: Iterable[Capability]) -> str:
    """Name capabilities in a message, in the order of `Capability`."""
    some = set(capabilities)
    return ", ".join(str(one) for one in Capability if one in some)
