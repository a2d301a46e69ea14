"""How well weights fit a net, and which of the nets that they fit is theirs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from netsurgery.errors import NetsurgeryError
from netsurgery.formats import LayerWeights, Prototxt, Weights
from netsurgery.layers import Layer, layer_type
from netsurgery.network import Model, Network, find_misfits, other_phases
from netsurgery.remembered import Remembered
from netsurgery.zoo.contents import NetFile, WeightsFile, reason_of

_TEXTS = 32
_TRAINING = frozenset(("train", "trainval", "val", "finetune"))

Nearness = Tuple[int, int]
"""Layers of the weights that the net has not, and steps from one folder to the other."""


class Likeness(NamedTuple):
    """How much a net that weights fit looks like the one that they are of; the least is the best.

    Attributes:
        foreign: Layers that stock Caffe has not under that name, or with fields of a fork.
        training: Layers that are there to train by alone, and words of its name that say so.
        types: Layers that were saved as another type.
        wiring: Layers without weights that only one of net and file has.
        strange: Minus the words that both files are called by.
        additions: Words that the net alone is called by.
    """

    foreign: int
    training: int
    types: int
    wiring: int
    strange: int
    additions: int


WHY = (
    "stock Caffe takes more of it",
    "it holds less to train by",
    "its layers are of the types that were saved",
    "its other layers are those that were saved",
    "its name is more like that of the weights",
    "its name is shorter",
)
"""Why one net goes before another, for each part of a `Likeness`."""


class Fitting:
    """Holds nets and weights against each other. Texts are read again where many are at hand."""

    def __init__(self) -> None:
        self._texts = Remembered(_TEXTS)

    def misfit(self, net: NetFile, weights: Weights) -> Optional[str]:
        """Return why weights are not those of a net, or None where they are."""
        try:
            model = self._model(net, weights)
            _, problems = model.network_and_problems()
            if problems:
                return f"it is no net that Caffe builds: {reason_of(problems[0])}"
            found = find_misfits(model)
        except NetsurgeryError as error:
            return reason_of(error)
        if not found:
            return None
        first = found[0]
        more = f" (and {len(found) - 1} more)" if found[1:] else ""
        mismatch = first.remedy is None or "belong together" in first.remedy
        remedy = "" if mismatch else f"; {first.remedy}"
        return f"layer {first.layer!r} {first.problem}{more}{remedy}"

    def likeness(self, net: NetFile, weights: Weights) -> Likeness:
        """Return how much a net that weights fit looks like theirs."""
        network = self._model(net, weights).network()
        saved = {one.name: one.type for one in weights.layers if one.type}
        layers = [one for one in network.layers if one.bottoms]
        names, called = _words(net.path), _words(Path(weights.file or ""))
        return Likeness(
            sum(map(_is_foreign, layers)),
            len(other_phases(network.prototxt)) + len(names & _TRAINING),
            sum(saved.get(one.name, one.type) != one.type for one in layers),
            _other_wiring(network, weights),
            -len(names & called),
            len(names - called),
        )

    def _model(self, net: NetFile, weights: Weights) -> Model:
        return Model(self._texts.get(net.path, lambda: Prototxt.read(net.path)), weights)


def _is_foreign(layer: Layer) -> bool:
    return bool(layer.text.unknown) or not layer.layer_type.has_stock_name(layer.text.type)


def _other_wiring(network: Network, weights: Weights) -> int:
    saved = {one.name for one in weights.layers}
    blank = {one.name for one in weights.layers if one.type and not one.blobs and _is_used(one)}
    if not blank:
        return 0  # a format that holds layers with weights alone
    own = {one.name for one in network.layers}
    made = {one.name for one in network.layers if one.bottoms}
    return len(made - saved) + len(blank - own)


def _is_used(saved: LayerWeights) -> bool:
    """Whether a saved layer is one of the net as it is used."""
    kind = layer_type(saved.type or "")
    return not (kind.data or kind.compares or kind.is_input or kind.inserted_by_caffe)


def _words(path: Path) -> FrozenSet[str]:
    stem = re.sub(r"\.(?:caffemodel(?:\.h5)?|h5|prototxt|pt|pbtxt)$", "", path.name.lower())
    return frozenset(re.findall(r"[a-z]+|[0-9.]*[0-9]", stem))


def nearness(net: NetFile, weights: WeightsFile) -> Nearness:
    """Return how near a net is to weights, by the names of their layers and by their folders."""
    return len(weights.layers - net.layers), _steps(net.path.parent, weights.path.parent)


def _steps(one: Path, other: Path) -> int:
    common = len(Path(os.path.commonpath((one.absolute(), other.absolute()))).parts)
    return len(one.absolute().parts) + len(other.absolute().parts) - 2 * common


def may_fit(net: NetFile, weights: WeightsFile) -> bool:
    """Return whether the names of layers allow that weights are those of a net."""
    return bool(net.layers & weights.layers) and net.needed <= weights.layers


def closest(nets: Sequence[NetFile], weights: WeightsFile) -> Optional[NetFile]:
    """Return the net that weights that fit none are most likely meant for, or None."""
    akin: List[NetFile] = [net for net in nets if net.layers & weights.layers]
    return min(
        akin,
        key=lambda net: (
            nearness(net, weights)[1],
            net.training is not None,
            -len(net.layers & weights.layers),
            net.path,
        ),
        default=None,
    )
