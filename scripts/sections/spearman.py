"""How well criteria predict what the loss does without a channel (Molchanov et al. 2017)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

import numpy as np
from zoo_data import ZooData

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.network.model import load
from netsurgery.ranking import Ranking, rank
from netsurgery.ranking.correlation import Correlation

TITLE = "Which channels matter: criteria against the oracle"
IMAGES = 2000
CRITERIA = (
    *("taylor", "taylor-sum", "taylor2019", "l1", "l2", "activation", "activation-std", "zeros"),
    *("geometric-median", "somp", "somp-activations", "consumer", "interpolative", "random"),
)
_INTRODUCTION = """\
Spearman's rank correlation of each criterion's scores with the oracle: the magnitude of the change
of the mean loss when that channel alone is removed, by real Caffe. *per layer*: the mean over the
layers; *all*: over the channels of all layers, *all, l2* with each layer's scores divided by their
l2 norm. Scores and oracle come from the same {images} training images. Molchanov et al. 2017 have
.73, .14 and .73 for their Taylor criterion (VGG-16, Birds).

The last two rows say what can be had. *changes of examples, measured* ranks channels by how far
the loss of each image really moves, the mean magnitude: a Taylor criterion estimates this, image
by image, and cannot predict the oracle better than the measurement itself does, except by
chance. *oracle, half against half* is the oracle on every other batch of 64 images against the
oracle on the batches between: what one half of the images tells of the other. A dash: all scores
are alike.
"""
_EXAMPLES = """\
The same scores against how far the loss of each image moves (the mean magnitude), in which images
that gain do not make up for images that lose. What a Taylor criterion gets here and not above is
lost in the mean of the loss, not in the expansion. *taylor-sum* is Taylor without the mean over
places: what it estimates has the units of the loss in every layer, and needs no l2 norm.
"""


class _Net(NamedTuple):
    """A net of the zoo, and its data set."""

    folder: str
    weights: str
    mnist: bool


_NETS = (
    _Net("lenet_everpeace", "lenet_iter_10000.caffemodel", True),
    _Net("cifar10_quick_everpeace", "cifar10_quick_iter_5000.caffemodel", False),
    _Net("cifar10_full_everpeace", "cifar10_full_iter_70000.caffemodel", False),
)


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    found = {net.folder: _rank(net, ZooData(data, zoo)) for net in _NETS}
    predicted = {name: ranking.correlations() for name, ranking in found.items()}
    examples = {name: ranking.correlations_of_examples() for name, ranking in found.items()}
    introduction = _INTRODUCTION.format(images=IMAGES)
    parts = [
        introduction,
        *_table(predicted),
        "",
        _EXAMPLES,
        *_table(examples),
        *_layers(found),
        "",
    ]
    return "\n".join(parts)


def _rank(net: _Net, data: ZooData) -> Ranking:
    model = load(data.zoo / net.folder / "deploy.prototxt", data.zoo / net.folder / net.weights)
    (value,) = model.network().inputs
    inputs = data.mnist(value.blob, "train_index") if net.mnist else _cifar(data, value.blob)
    return rank(model, CRITERIA, Calibrator(inputs.spread(IMAGES), "caffe"), oracle=True)


def _cifar(data: ZooData, blob: str) -> Inputs:
    """The training images of CIFAR-10, without their mean image."""
    file = np.load(data.data / "cifar10.npz")
    images = file["train_images"].astype(np.float32) - data.mean
    return Inputs({blob: images}, file["train_labels"], "training images of CIFAR-10")


def _table(found: Dict[str, Dict[str, Correlation]]) -> List[str]:
    columns = [f"`{name}`: {kind}" for name in found for kind in ("per layer", "all", "all, l2")]
    lines = _heading("criterion", columns)
    for name in next(iter(found.values())):
        cells = [number for table in found.values() for number in _numbers(table[name])]
        lines.append(_row(name, cells))
    return lines


def _layers(found: Dict[str, Ranking]) -> List[str]:
    """The layers of each net, for those who ask where a mean comes from."""
    lines = []
    for name, ranking in found.items():
        layers = [f"{group.name} ({len(group.free)})" for group in ranking.groups]
        lines += ["", f"Layer by layer, `{name}`:", "", *_heading("criterion", layers)]
        lines += [_row(n, list(one.layers.values())) for n, one in ranking.correlations().items()]
    return lines


def _numbers(one: Correlation) -> List[float]:
    return [one.mean, one.raw, one.normalised]


def _heading(first: str, columns: Sequence[str]) -> List[str]:
    return [f"| {' | '.join([first, *columns])} |", f"|---|{'---:|' * len(columns)}"]


def _row(name: str, cells: Sequence[float]) -> str:
    texts = ["-" if math.isnan(cell) else f"{cell:.2f}" for cell in cells]
    return f"| {' | '.join([name, *texts])} |"
