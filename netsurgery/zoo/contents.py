"""What a file holds that may be a part of a model, told by what is in it and not by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet, Optional, Union

from netsurgery.errors import NetsurgeryError
from netsurgery.formats import Prototxt, open_weights, sniff
from netsurgery.network import Model, Network
from netsurgery.zoo.entry import SkippedFile

_TOLD_BY_NAME = (".caffemodel", ".prototxt", ".pt", ".pbtxt", ".h5")
"""Of files called so it is said what else they are; others are none of ours."""
_NEVER = re.compile(
    r"\.(?:jpe?g|png|bmp|gif|tiff?|webp|mp4|avi|np[yz]|mat|csv|xml|json|ya?ml|md|py|pyc|ipynb|c|cc|cpp"
    r"|h|hpp|cu|m|sh|log|[lm]db|zip|t?gz|xz|bz2|7z)"
)
"""Not looked into: a folder may hold millions of pictures beside a model."""


@dataclass(frozen=True)
class NetFile:
    """A prototxt of a net.

    Attributes:
        path: Where it is.
        layers: The names of its layers when it is used.
        needed: Of those, the ones that multiply by weights.
        bare: Whether it has no layer with weights at all.
        training: Why it is none to be used but to be trained by; None where it is.
        digest: Of what it says.
    """

    path: Path
    layers: FrozenSet[str]
    needed: FrozenSet[str]
    bare: bool
    training: Optional[str]
    digest: str


@dataclass(frozen=True)
class WeightsFile:
    """Weights of a net.

    Attributes:
        path: Where they are.
        layers: The names of the layers that have blobs.
    """

    path: Path
    layers: FrozenSet[str]


def look_into(path: Path) -> Union[NetFile, WeightsFile, SkippedFile, None]:
    """Return what a file is to a zoo; None where it is nothing that has to do with one.

    Args:
        path: A regular file.
    """
    suffix = path.suffix.lower()
    if _NEVER.fullmatch(suffix):
        return None
    told = suffix in _TOLD_BY_NAME
    try:
        with open(path, "rb") as stream:
            kind = sniff.identify(stream.read(sniff.HEAD))
    except OSError as error:
        return SkippedFile(path, f"cannot be read: {error.strerror or error}") if told else None
    if kind in (sniff.CAFFEMODEL, sniff.HDF5) or (kind is None and suffix == ".caffemodel"):
        return _weights(path, told or kind is sniff.CAFFEMODEL)
    if kind in (sniff.PROTOTXT, sniff.SOLVER) or (kind in (None, sniff.TEXT) and told):
        return _net(path)
    if kind is sniff.SOLVERSTATE or (told and kind is not None):
        assert kind is not None
        return SkippedFile(path, f"is {kind.phrase}")
    return None


def _weights(path: Path, told: bool) -> Union[WeightsFile, SkippedFile, None]:
    try:
        weights = open_weights(path)
    except NetsurgeryError as error:
        return SkippedFile(path, reason_of(error)) if told else None
    return WeightsFile(path, frozenset(one.name for one in weights.layers if one.blobs))


def _net(path: Path) -> Union[NetFile, SkippedFile]:
    try:
        prototxt = Prototxt.read(path)
        network, problems = Model(prototxt).network_and_problems()
    except NetsurgeryError as error:
        solver = error.problem.startswith("this is a solver")
        return SkippedFile(path, error.problem if solver else reason_of(error))
    if problems and not network.layers:
        return SkippedFile(path, reason_of(problems[0]))
    borrowed = {layer.name for group in network.shared_parameters for layer, _ in group.members[1:]}
    multiplying = {layer.name for layer in network.layers if layer.layer_type.multiplies}
    return NetFile(
        path,
        frozenset(layer.name for layer in network.layers),
        frozenset(multiplying - borrowed),
        all(one.layer_type.knows_shapes and not one.layer_type.has_blobs for one in network.layers),
        _why_training(network),
        prototxt.digest,
    )


def _why_training(network: Network) -> Optional[str]:
    for layer in network.layers:
        if layer.layer_type.data is not None and not layer.bottoms:
            return f"its layer {layer.name!r} ({layer.type}) reads data"
        if layer.layer_type.compares is not None:
            return f"its layer {layer.name!r} ({layer.type}) compares what it makes with labels"
    if not network.inputs:
        return "it has no input when it is used"
    return None


def reason_of(error: NetsurgeryError) -> str:
    """Return what an error says, but for the file, which is known."""
    layer = "" if error.layer is None else f"layer {error.layer!r}: "
    line = "" if error.line is None else f"line {error.line}: "
    remedy = f"; {error.remedy}" if error.remedy else ""
    return f"{line}{layer}{error.problem}{remedy}"
