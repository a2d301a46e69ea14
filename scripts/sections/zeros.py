"""What goes, exactly, out of the nets of the zoo that were pruned by masks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import List, NamedTuple, Tuple

from zoo_data import ZooData

import netsurgery as ns
from netsurgery import Compression
from netsurgery.engine import engine
from netsurgery.network.masks import without_masks
from netsurgery.network.model import load
from netsurgery.planning.dead_channels import plan_dead_channels
from netsurgery.verification import Verification, verify
from netsurgery.verification.verdict import largest_noise

TITLE = "Cutting out what pruning left dead"
_INTRODUCTION = """\
`netsurgery thin --from-zeros`: nets whose weights were pruned one by one keep their size until the
channels that are dead now are cut out, with the constants that they add in the next biases. *error*
is the largest relative error of any output in real Caffe, beside the most that float noise explains
there. `autopruning_lenet` stores its masks, which stock Caffe refuses: they are multiplied in
first, and that net is the one compared with; its file held the masks too. MACs are those of the
prototxt's batch.
"""
_COLUMNS = ("weights", "data", "channels", "parameters", "MACs", "bytes", "accuracy", "error")


class _Pair(NamedTuple):
    """Files of the zoo that go together."""

    folder: str
    prototxt: str
    weights: str


_PAIRS = (
    _Pair("dns_lenet300100", "deploy_derived.prototxt", "caffe_lenet300100_sparse.caffemodel"),
    _Pair("dns_lenet5", "deploy_derived.prototxt", "caffe_lenet5_sparse.caffemodel"),
    _Pair("autopruning_lenet", "deploy.prototxt", "pruning_iter_35000.caffemodel"),
)


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    rows, left = [], []
    for pair in _PAIRS:
        done, equal = _cut(pair, ZooData(data, zoo))
        rows.append(_row(pair, done, equal))
        left += [f"- `{pair.folder}`, {one.layer}: {one.reason}" for one in done.plan.skipped]
    heading = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    return "\n".join([_INTRODUCTION, *heading, *rows, "", "Left alone:", "", *left, ""])


def _cut(pair: _Pair, data: ZooData) -> Tuple[Compression, Verification]:
    """Cut out what is dead, and compare outputs on all images."""
    file = data.zoo / pair.folder / pair.weights
    model = without_masks(load(data.zoo / pair.folder / pair.prototxt, file))
    (value,) = model.network().inputs
    inputs, output = data.inputs(file, value.blob), data.task_output(pair.folder)
    caffe = engine("caffe")
    with tempfile.TemporaryDirectory() as folder:
        request = ns.CompressRequest(plan=plan_dead_channels(model), engine=caffe)
        done = ns.compress(model, request, folder)
        written = load(*done.files[:2])
        equal = verify(model, written, inputs=inputs, engine=caffe, expect="exact", output=output)
    assert done, done.reasons
    assert equal, equal.reasons
    return done, equal


def _row(pair: _Pair, done: Compression, equal: Verification) -> str:
    before, after = done.costs
    channels: List[str] = []
    for edit in reversed(done.plan.edits):
        old, new = edit.predicted.channels
        channels.append(f"{edit.layer} {old} → {new}")
    worst = max(equal.blobs, key=lambda row: row.error)
    assert equal.accuracy
    cells = (
        f"{pair.folder}/{pair.weights}",
        equal.inputs,
        ", ".join(channels) or "none",
        _share(before.params, after.params),
        _share(before.macs, after.macs),
        _share(*done.sizes),
        f"{equal.accuracy.before:.4f} → {equal.accuracy.after:.4f}",
        f"{worst.error:.1e} (noise: {largest_noise(worst):.1e})",
    )
    return f"| {' | '.join(cells)} |"


def _share(before: int, after: int) -> str:
    return f"{before:,} → {after:,} ({after / before:.1%})"
