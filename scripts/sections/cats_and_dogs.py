"""A net of CIFAR-10 transferred to cats and dogs, its channels taken out in rounds, and tuned."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

import numpy as np
from smaller import NETS
from store import KNOWN_ONLY, MeasurementStore
from training_data import PARTS, TrainingData, cats_and_dogs
from tuning import TRAINED, accuracy_of, run_folder
from zoo_data import ZooData

import netsurgery as ns
from netsurgery.costs.stopwatch import in_turn
from netsurgery.engine import choose
from netsurgery.network import with_fillers
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning import RECORD

TITLE = "Cats and dogs: transferred, pruned in rounds, tuned"
CODE = (*TRAINED, "criteria/taylor.py", "methods/thin.py")
NET, CLASSIFIER, NEW = "cifar10_full_everpeace", "ip1", "pets"
SHARE = 1 / 3
"""Of the multiply-accumulates that is left."""


class Run(NamedTuple):
    """Steps of a solver, the rate at their start, and how often the net is validated."""

    steps: int
    rate: float
    validations: int


TRANSFER, ROUND, TUNING = Run(300, 1e-4, 10), Run(20, 1e-4, 1), Run(300, 1e-4, 10)
BATCH, REMOVE, IMAGES = 32, 8, 128
"""Of a step; channels that go in a round, and images that rank them."""
STAGES = ("transferred", "pruned in rounds", "tuned")
KEY = (NET, *TRANSFER, *ROUND, *TUNING, BATCH, REMOVE, IMAGES)
"""What tells these figures from others."""


class Part(NamedTuple):
    """What was found with one part of the images as the judge.

    Attributes:
        images: How many they are.
        right: How many of them the net gets right after each of the `STAGES`.
        macs: What is left of the multiply-accumulates, as a share.
        params: The same of the parameters.
        bytes: Of the weights' file, before and after.
        seconds: Of a forward pass of one image, before and after.
        rounds: How many there were.
    """

    images: int
    right: Sequence[int]
    macs: float
    params: float
    bytes: Sequence[int]
    seconds: Sequence[float]
    rounds: int


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    source, store = ZooData(data, zoo), MeasurementStore("cats_and_dogs", CODE)
    for part in () if KNOWN_ONLY else range(PARTS):
        if store.get([*KEY, part]) is None:
            store.add([*KEY, part], _measure(part, source))
    known = [Part(*got) for part in range(PARTS) for got in [store.get([*KEY, part])] if got]
    return "\n".join([_INTRODUCTION, *_table(known), "", _told(known)])


def two_classes(original: Model, seed: int) -> Model:
    """Return the net with a new classifier, of two classes, that learns ten times as fast.

    Args:
        original: The net of other classes.
        seed: Of the weights that the classifier begins with.
    """
    assert original.weights
    texts: Dict[int, bytes] = {}
    for layer in original.network().layers:
        if layer.name == CLASSIFIER:
            texts[layer.text.index] = _CLASSIFIER
        elif any(value.blob == CLASSIFIER for value in layer.bottoms):
            texts[layer.text.index] = layer.text.edited(bottoms=[NEW])
    text = original.prototxt.replace_layers(texts)
    others = original.weights.replace({CLASSIFIER: []})
    return with_fillers(Model(text, others), seed=seed).model


_CLASSIFIER = b"""\
layers {
  name: "pets" type: INNER_PRODUCT bottom: "pool3" top: "pets"
  blobs_lr: 10 blobs_lr: 20 weight_decay: 10 weight_decay: 0
  inner_product_param { num_output: 2 weight_filler { type: "gaussian" std: 0.01 } }
}"""


def _measure(part: int, data: ZooData) -> Part:
    """Transfer the net, prune it in rounds and tune it, on all images but one part."""
    started = time.monotonic()
    original = NETS[NET].load(data.zoo)
    (value,) = original.network().inputs
    images = cats_and_dogs(data, value.blob, part)
    net, nets = two_classes(original, part), []
    with run_folder(f"pets-{part}") as folder:
        for stage, carry_out in zip(STAGES, (_transfer, _prune, _tune)):
            files = carry_out(net, images, folder / stage)
            net = ns.load(*files[:2])
            nets.append(net)
        record = json.loads((folder / STAGES[1] / RECORD).read_text())
        found = _compared(nets, images.judged, len(record["rounds"]))
    print(part, *found, f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return found


def _transfer(net: Model, images: TrainingData, out: Path) -> Sequence[Path]:
    return _finetuned(net, images, TRANSFER, out)


def _prune(net: Model, images: TrainingData, out: Path) -> Sequence[Path]:
    return _carried_out(
        out,
        lambda: ns.prune(
            net,
            ns.PruneRequest(**_training(images, ROUND), macs=SHARE, remove=REMOVE, images=IMAGES),
            out,
        ),
    )


def _tune(net: Model, images: TrainingData, out: Path) -> Sequence[Path]:
    return _finetuned(net, images, TUNING, out)


def _finetuned(net: Model, images: TrainingData, run: Run, out: Path) -> Sequence[Path]:
    request = ns.FinetuneRequest(**_training(images, run))
    return _carried_out(out, lambda: ns.finetune(net, request, out))


def _carried_out(out: Path, do: Callable[[], Any]) -> Sequence[Path]:
    """The pair that a job writes, or has written before it was interrupted."""
    record = out / RECORD
    if not record.exists():
        do()
    return [out / name for name in json.loads(record.read_text())["files"]]


def _training(images: TrainingData, run: Run) -> Dict[str, Any]:
    """What the jobs are asked for alike."""
    return {
        "calibrate": images.seen,
        "validate": images.judged,
        "mirror": images.augmentation.mirror,
        "shift": images.augmentation.shift,
        "steps": run.steps,
        "lr": run.rate,
        "batch": BATCH,
        "validate_every": run.steps // run.validations,
        "patience": 0,
        "engine": "caffe",
    }


def _compared(nets: Sequence[Model], judged: ns.Inputs, rounds: int) -> Part:
    """What became of the net."""
    before, *_, after = nets
    costs = [total_cost(net) for net in (before, after)]
    macs, params = ([one.macs or 0 for one in costs], [one.params or 0 for one in costs])
    return Part(
        len(judged),
        [round(accuracy_of(net, judged) * len(judged)) for net in nets],
        macs[1] / macs[0],
        params[1] / params[0],
        [net.weights.size() for net in (before, after) if net.weights],
        list(in_turn(choose("caffe", [after.network()]), before, after)),
        rounds,
    )


_INTRODUCTION = f"""\
As in Molchanov et al. 2017, a net that was trained on another task is transferred to a smaller one,
its channels go in rounds with a little tuning after each, and it is tuned. `{NET}` with a new
classifier of two classes, which learns ten times as fast, on cats and dogs of 32 x 32 pixels:
`netsurgery finetune`, {TRANSFER.steps} steps of {BATCH} at {TRANSFER.rate:g}; then
`netsurgery prune --macs 0.3333 --remove {REMOVE} --images {IMAGES} --steps {ROUND.steps}` at
{ROUND.rate:g}; then {TUNING.steps} steps at {TUNING.rate:g}. All of it by labels, on images that
are mirrored and moved by up to two pixels. Each of {PARTS} parts of the 1,399 images judges once,
for nets that were made of the other images from the transfer on: accuracy is of all images of the
parts that were measured, with its standard error; *lost* is a mean over these parts, with its own.
Seconds are of one image in real Caffe on one thread, both nets in turn.
"""


def _table(known: Sequence[Part]) -> List[str]:
    """Accuracy after each stage, and what the net costs."""
    heading = [
        "| after | accuracy | lost | MACs | parameters | bytes | s an image |",
        "|---|" + "---:|" * 6,
    ]
    if not known:
        return [*heading, *(f"| {stage} |" + " - |" * 6 for stage in STAGES)]
    images = sum(one.images for one in known)
    rows = []
    for number, stage in enumerate(STAGES):
        share = sum(one.right[number] for one in known) / images
        lost = [(one.right[0] - one.right[number]) / one.images for one in known]
        smaller = min(number, 1)
        cost = (
            [100.0] * 2
            if not number
            else [100 * median(part) for part in zip(*((one.macs, one.params) for one in known))]
        )
        cells = [
            f"{100 * share:.1f} ± {100 * math.sqrt(share * (1 - share) / images):.1f} %",
            "" if not number else _varied(lost),
            *(f"{one:.1f} %" for one in cost),
            f"{median(one.bytes[smaller] for one in known):,.0f}",
            f"{median(one.seconds[smaller] for one in known):.5f}",
        ]
        rows.append(f"| {' | '.join([stage, *cells])} |")
    return [*heading, *rows]


def _varied(lost: Sequence[float]) -> str:
    """A mean over the parts, in points, with its standard error where there are several."""
    told = f"{100 * np.mean(lost) + 0.0:.1f}"
    if len(lost) < 2:
        return told
    return f"{told} ± {100 * np.std(lost, ddof=1) / math.sqrt(len(lost)):.1f}"


def _told(known: Sequence[Part]) -> str:
    """How many parts there are, and the rounds."""
    if not known:
        return ""
    rounds = sorted(one.rounds for one in known)
    few = known[0].images
    share = known[0].right[0] / few
    error = 100 * math.sqrt(share * (1 - share) / few)
    return (
        f"{len(known)} of {PARTS} parts, in {rounds[0]} to {rounds[-1]} rounds; one part of {few} "
        f"images alone has a standard error of {error:.1f} points. The well-known experiment is of "
        "VGG-16: 98.7 -> 97.5 %, 538 -> 150 MB, 0.78 -> 0.277 s.\n"
    )
