"""One factor for two layers, stored once, against a truncated SVD of each."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
from accuracy import Net
from tuning import accuracy_of
from zoo_data import ZooData

from netsurgery.calibration import Inputs
from netsurgery.formats import Blob, LayerWeights
from netsurgery.methods import Edit
from netsurgery.network import Model, canonical_weights, channel_groups, channel_relations, prunable
from netsurgery.planning import Plan
from netsurgery.surgery import apply

TITLE = "One factor for two layers"
SHARES = (0.1, 0.3, 0.5)
"""Of the weights of both layers that are left."""
RUN = (0.05, 0.1, 0.2, 0.4)
"""The same, of nets that are run."""
SPLITS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9)
"""Parts of the weights that the first of two layers may get."""
CHOOSING = 1000
"""Training images that say which."""
NETS = (
    Net("dns_lenet300100", "deploy_derived.prototxt", "caffe_lenet300100_original.caffemodel"),
    Net("local_mnist_mlp_2048_1024", "deploy.prototxt", "local_mnist_mlp_2048_1024.caffemodel"),
    Net("local_cifar10_convfc", "deploy.prototxt", "local_cifar10_convfc.caffemodel"),
    Net("local_dogcat64_convfc", "deploy.prototxt", "local_dogcat64_convfc.caffemodel"),
    Net("lenet_ethereon", "deploy.prototxt", "lenet_iter_10000.caffemodel"),
    Net("hyperlpr_char", "deploy.prototxt", "CharacterRecognization.caffemodel"),
    Net("squeezenet_v1.0_deepcompression", "deploy.prototxt", "squeezenet_v1.0_decoded.caffemodel"),
)
_INTRODUCTION = """\
Tri-factorisation has one factor G of the units between two layers: the first layer ends in G, the
second begins with its transpose. Stock Caffe can store that once (`param { name: }`, with an
InnerProduct of `transpose: true`, or a 1 x 1 Convolution and a Deconvolution). What that saves is
held here against a truncated SVD of each layer, with the same number of weights in all and ranks
shared out at best. *each* and *common* are what is lost: the sum of both layers' shares of their
squares, in the one scale of channels that stands for all; means over all pairs of a net that are
each other's only neighbours. The common factor is the best there is, eigenvectors of any sign: none
that is not negative loses less.
"""
_FILES = """\
`{net}`, written and run by real Caffe, which takes the common factor from the one layer that has it
in the file (`compress --method shared_factor`): bytes of the file, and accuracy on images that no
training saw, untuned. How ranks of *each* are shared out is chosen here by accuracy on {count:,}
others, of those that it may be tuned on.
"""


class _Pair(NamedTuple):
    """The weights before and behind some units.

    Attributes:
        first: Name of the layer that makes them.
        second: Name of the only one that reads them.
        made: Shape (units, all that makes one).
        read: Shape (all that reads one, units).
    """

    first: str
    second: str
    made: np.ndarray
    read: np.ndarray

    @property
    def weights(self) -> int:
        """How many both layers have."""
        return self.made.size + self.read.size


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    titles = [f"{way} at {share:g}" for share in SHARES for way in ("each", "common")]
    lines = [f"| net | pairs | {' | '.join(titles)} | common loses less |"]
    lines.append("|---|---:|" + "---:|" * (len(titles) + 1))
    for net in NETS:
        pairs = list(_pairs(net.load(zoo)))
        lost = np.array([[_lost(pair, share) for share in SHARES] for pair in pairs])
        means = " | ".join(f"{one:.3f}" for one in lost.mean(axis=0).ravel())
        better = int((lost[..., 1] < lost[..., 0]).sum())
        lines.append(f"| {net.folder} | {len(pairs)} | {means} | {better} of {lost[..., 0].size} |")
    return "\n".join([_INTRODUCTION, *lines, "", *_run(NETS[0], ZooData(data, zoo)), ""])


def _pairs(model: Model) -> Iterator[_Pair]:
    """Layers of which the second alone reads all that the first alone makes."""
    keys = prunable(model)
    shapes = {key: model.blobs(key[0])[key[1]].shape for key in keys}
    relations = channel_relations(channel_groups(model), shapes)
    model = _in_one_scale(model)
    for first in relations:
        makers = [one for one in relations if one.rows == first.rows]
        readers = [one for one in relations if one.columns == first.rows]
        if len(makers) != 1 or len(readers) != 1:
            continue
        (second,) = readers
        taps = [one.taps(model.blobs(one.key[0])[0].array(np.float64)) for one in (first, second)]
        if taps[0].shape[1] == taps[1].shape[2] > 1:
            made = taps[0].transpose(1, 0, 2).reshape(taps[0].shape[1], -1)
            yield _Pair(first.key[0], second.key[0], made, taps[1].reshape(-1, len(made)))


def _in_one_scale(model: Model) -> Model:
    """The same net with canonical scales of its channels."""
    changes: Dict[str, List[LayerWeights]] = {}
    for (name, index), array in canonical_weights(model).items():
        (saved,) = changes.get(name) or (model.weights.find(name) if model.weights else [])
        blobs = list(saved.blobs)
        blobs[index] = Blob.of(array.astype(np.float32))
        changes[name] = [replace(saved, blobs=tuple(blobs))]
    return replace(model, weights=model.weights and model.weights.replace(changes))


def _lost(pair: _Pair, share: float) -> Tuple[float, float]:
    """What is lost by a truncated SVD of each, and by one factor for both."""
    budget = share * pair.weights
    ranks = _best_ranks(pair, budget)
    own = sum(float(_tail(one)[rank]) for one, rank in zip((pair.made, pair.read), ranks))
    values = np.linalg.eigvalsh(_common(pair))[::-1]
    return own, 2 - float(values[: _common_rank(pair, budget)].sum())


def _tail(matrix: np.ndarray) -> np.ndarray:
    """The share of the squares that each rank loses; nothing at the rank that saves no weights."""
    squares = np.linalg.eigvalsh(_gram(matrix))[::-1].clip(0)
    tail = np.append(1.0, 1 - np.cumsum(squares) / squares.sum())
    tail[_breakeven(matrix) :] = 0
    return tail.clip(0)


def _gram(matrix: np.ndarray) -> np.ndarray:
    short = matrix if len(matrix) <= len(matrix.T) else matrix.T
    return short @ short.T


def _breakeven(matrix: np.ndarray) -> int:
    return -(-matrix.size // sum(matrix.shape))


def _cost(matrix: np.ndarray) -> np.ndarray:
    """Weights at each rank: those of a pair, or of the matrix where these are no more."""
    ranks = np.arange(min(matrix.shape) + 1)
    return np.minimum(ranks * sum(matrix.shape), matrix.size)


def _best_ranks(pair: _Pair, budget: float) -> Tuple[int, int]:
    both = pair.made, pair.read
    costs = np.add.outer(*map(_cost, both))
    lost = np.where(costs <= budget, np.add.outer(*map(_tail, both)), np.inf)
    first, second = np.unravel_index(np.argmin(lost), lost.shape)
    return int(first), int(second)


def _common(pair: _Pair) -> np.ndarray:
    """What both layers say of the units, each as a share of its squares."""
    made, read = pair.made, pair.read
    found: np.ndarray = made @ made.T / np.vdot(made, made) + read.T @ read / np.vdot(read, read)
    return found


def _common_rank(pair: _Pair, budget: float) -> int:
    """The rank at which one factor, and what goes into it and out of it, are so many weights."""
    units, before = pair.made.shape
    return min(int(budget // (before + units + len(pair.read))), units)


def _run(net: Net, data: ZooData) -> Iterator[str]:
    """Files of both kinds, and what real Caffe makes of them."""
    model, file = net.load(data.zoo), data.zoo / net.folder / net.weights
    (value,) = model.network().inputs
    judged, seen = data.held_out(file, value.blob), data.calibration(file, value.blob, CHOOSING)
    assert judged, f"no images for {net.folder}"
    assert seen, f"no images for {net.folder}"
    task, pair = data.task_output(net.folder), next(_pairs(model))
    yield from (_FILES.format(net=net.folder, count=CHOOSING), "")
    yield "| left of both layers | each: bytes | accuracy | common: bytes | accuracy |"
    yield "|---:|---:|---:|---:|---:|"
    for share in RUN:
        budget = share * pair.weights
        plans = [_by_svd(pair, budget, part) for part in SPLITS]
        made = [apply(model, plan) for plan in plans if plan]
        best = max(made, key=lambda one: accuracy_of(one, seen, task))
        options = {"rank": _common_rank(pair, budget)}
        common = apply(model, Plan((Edit(pair.first, "shared_factor", options),)))
        cells = " | ".join(_measured(one, judged, task) for one in (best, common))
        yield f"| {share:g} | {cells} |"


def _by_svd(pair: _Pair, budget: float, part: float) -> Optional[Plan]:
    """A truncated SVD of each layer, of which the first gets a part of the weights; or None."""
    edits = []
    for name, matrix, own in (
        (pair.first, pair.made, part * budget),
        (pair.second, pair.read, (1 - part) * budget),
    ):
        rank = int(own // sum(matrix.shape))
        if rank < 1:
            return None
        if rank < _breakeven(matrix):
            edits.append(Edit(name, "svd", {"rank": rank}))
    return Plan(tuple(edits))


def _measured(model: Model, judged: Inputs, task: Optional[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        _, weights = model.save(Path(folder))
        return f"{weights.stat().st_size:,} | {accuracy_of(model, judged, task):.4f}"
