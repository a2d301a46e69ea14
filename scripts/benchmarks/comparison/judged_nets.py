"""Nets of the zoo, what calibrates them, and what is lost of them on what did not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Callable, List, NamedTuple, Sequence, Tuple

import numpy as np
from accuracy import Collected
from photo_boxes import decode
from photo_nets import DETECTIONS, NETS, Net, Outputs
from photo_views import halves, windows
from zoo_data import ZooData

from benchmarks.comparison.bench import Bench, Command, NotHereError
from netsurgery.calibration import Inputs
from netsurgery.calibration.measuring import ObservedValue, measure
from netsurgery.network.model import Model, load
from netsurgery.quality.matching import IMAGE, SCORE, match_detections
from netsurgery.verification.tallies import class_scores

BUDGET = 0.7
ASKED = ("--macs", BUDGET, "--no-cache")
PHOTOS = 20
LABELLED_IMAGES = 200
LEAST_SCORE = 0.7
SIZE = (240, 320)
"""Height and width of which windows of photos have the shape."""


class Losses(NamedTuple):
    """What a smaller net lost, input by input.

    Attributes:
        lost: Of each input: 1 where the class is wrong, or how many detections are missing or new.
        whole: What all of it would be: inputs, or the original's detections.
        clusters: A number for each input; those that show the same photo have the same.
    """

    lost: np.ndarray
    whole: float
    clusters: np.ndarray

    @property
    def share(self) -> float:
        """What is lost, as a share of the whole."""
        return float(self.lost.sum() / self.whole)


def more_lost(before: Losses, after: Losses) -> Tuple[float, float]:
    """Return how much more is lost of the second net, and the standard error of that.

    The inputs are the same, so it is the differences that vary; those that show one photo vary
    together, and count as one draw (the cluster-robust variance of a mean).
    """
    apart = (after.lost - before.lost) / before.whole
    sums = np.bincount(before.clusters, weights=apart)
    draws = len(sums)
    if draws < 2:
        return float(sums.sum()), float("inf")
    variance = draws / (draws - 1) * np.square(sums - sums.mean()).sum()
    return float(sums.sum()), float(np.sqrt(variance))


@dataclass(frozen=True)
class JudgedNet:
    """A net that is compressed with some inputs and judged by others.

    Attributes:
        name: Of its row.
        prototxt: In the zoo.
        weights: In the zoo.
        calibrate: Makes what calibrates it in a folder, and returns the words that name it.
        judge: Returns what is lost of each of some smaller nets.
        lost: What that is, in words.
    """

    name: str
    prototxt: Path
    weights: Path
    calibrate: Callable[[Bench, Path], List[object]]
    judge: Callable[[Bench, Path, Sequence[Path]], List[Losses]]
    lost: str

    def command(self, bench: Bench) -> Command:
        """Return the command that compresses it.

        Raises:
            NotHereError: The net or the images are not on this machine.
        """
        count, *inputs = self.inputs(bench)
        words = ["compress", *self.pair(bench), *ASKED, "-o", "{out}", "--accept-loss", *inputs]
        title = f"compress {self.name} for {BUDGET:g} of its MACs, {count}"
        return Command(self.name, title, words)

    def pair(self, bench: Bench) -> List[Path]:
        """Return the files of the net.

        Raises:
            NotHereError: They are not on this machine.
        """
        pair = [bench.setting.zoo / file for file in (self.prototxt, self.weights)]
        for path in (*pair, bench.data):
            if not path.exists():
                raise NotHereError(f"{path} is not here")
        return pair

    def inputs(self, bench: Bench) -> List[object]:
        """Return how many inputs calibrate the net, in words, and the options that give them."""
        self.pair(bench)
        count, *words = self.calibrate(bench, bench.setting.work / f"inputs-{self.name}")
        return [count, "--calibrate", *words]

    def losses(self, bench: Bench, outputs: Sequence[Path]) -> List[Losses]:
        """Return what is lost of each of the pairs in these folders."""
        return self.judge(bench, bench.setting.zoo / self.weights, outputs)


def _photos(net: Net) -> Callable[[Bench, Path], List[object]]:
    """Photos of the half that calibrates, and windows of them, in a folder."""

    def calibrate(bench: Bench, folder: Path) -> List[object]:
        import cv2

        count = max(2, PHOTOS // bench.setting.model.scale)
        folder = folder.with_name(f"{folder.name}-{count}")
        folder.mkdir(parents=True, exist_ok=True)
        shown = windows(halves(bench.data / "images", net.only).seen, count, SIZE, seed=0)
        for number, photo in enumerate(shown):
            cv2.imwrite(str(folder / f"{number:02}.png"), photo)
        mean = net.mean * (3 // len(net.mean))
        words: List[object] = [f"{count} photos", folder, "--mean", ",".join(map(str, mean))]
        words += ["--input-scale", net.scale, "--engine", net.engine]
        return [*words, *(["--channel-swap", "0,1,2"] if net.rgb else [])]

    return calibrate


def _judge_photos(net: Net) -> Callable[[Bench, Path, Sequence[Path]], List[Losses]]:
    def judge(bench: Bench, weights: Path, outputs: Sequence[Path]) -> List[Losses]:
        model = load(weights.parent / "deploy.prototxt", weights)
        photos = halves(bench.data / "images", net.only).judged
        count = max(len(photos), net.counts[1] // bench.setting.model.scale)
        inputs = net.views(model, photos, count)
        before = net.run(model, inputs)
        clusters = np.arange(count) % len(photos)
        return [
            apart(before, net.run(load(*pair_in(folder)), inputs), clusters) for folder in outputs
        ]

    return judge


def apart(before: Outputs, after: Outputs, clusters: np.ndarray) -> Losses:
    """What a net sees otherwise than the original: detections, or the best class."""
    count = len(clusters)
    if "scores" in before:
        old, new = (decode(one["scores"], one["boxes"], LEAST_SCORE) for one in (before, after))
    elif DETECTIONS in before:
        old, new = (_sure(one[DETECTIONS]) for one in (before, after))
    else:
        (name,) = before
        best = [class_scores(one[name]).argmax(axis=1) for one in (before, after)]
        return Losses((best[0] != best[1]).astype(float), count, clusters)
    first, second = match_detections(old, new)
    missing = np.delete(old[:, IMAGE], first).astype(int)
    more = np.delete(new[:, IMAGE], second).astype(int)
    lost = np.bincount(np.concatenate([missing, more]), minlength=count)
    return Losses(lost.astype(float), max(len(old), 1), clusters)


def _sure(rows: np.ndarray) -> np.ndarray:
    return rows[rows[:, SCORE] >= LEAST_SCORE]


def _labelled(name: str, folder: str, weights: str, prototxt: str = "deploy.prototxt") -> JudgedNet:
    """A net for images with labels: some of those to calibrate with, and those held out."""
    pair = Path(folder) / weights

    def calibrate(bench: Bench, place: Path) -> List[object]:
        """Images, as the net was fed them, in a file."""
        count = LABELLED_IMAGES // bench.setting.model.scale
        source = ZooData(bench.data, bench.setting.zoo)
        inputs = source.calibration(bench.setting.zoo / pair, fed(bench.setting.zoo / pair), count)
        file = place.with_name(f"{place.name}-{count}.npz")
        # Read now: which samples were chosen is all that is known so far.
        np.savez(file, **{name: np.asarray(all_of[:]) for name, all_of in inputs.arrays.items()})
        return [f"{count} images", file]

    def judge(bench: Bench, weights: Path, outputs: Sequence[Path]) -> List[Losses]:
        inputs = ZooData(bench.data, bench.setting.zoo).held_out(weights, fed(weights))
        wrong = [_wrong(load(*pair_in(folder)), inputs) for folder in outputs]
        each = np.arange(len(inputs))
        return [Losses(one, len(inputs), each) for one in wrong]

    def fed(weights: Path) -> str:
        """The blob that the net is fed."""
        (value,) = load(weights.with_name(prototxt)).network().inputs
        return str(value.blob)

    return JudgedNet(name, pair.with_name(prototxt), pair, calibrate, judge, "wrong classes")


def _wrong(model: Model, inputs: Inputs) -> np.ndarray:
    """1 for each input whose class the net gets wrong."""
    observer = Collected(ObservedValue(model.network().outputs[0]))
    measure([model], inputs, [observer], "caffe")
    best = observer.array.reshape(len(inputs), -1).argmax(axis=1)
    return (best != inputs.labels).astype(float)


def pair_in(folder: Path) -> Tuple[Path, Path]:
    """Return the prototxt and the weights that a command wrote into a folder."""
    (prototxt,), (weights,) = folder.glob("*.prototxt"), folder.glob("*.caffemodel")
    return prototxt, weights


_SEEN = "detections missing or new, of the original's"
_LOOKED_AT = {
    "ultraface_rfb320": ("ultraface", _SEEN),
    "squeezenet_v1.0_deepcompression": ("squeezenet", "another best class"),
    "yufacedetect_v1": ("yufacedetect", _SEEN),
}

RESNET = _labelled(
    "resnet20", "resnet20_cifar10", "ResNet_20.caffemodel", "deploy_derived.prototxt"
)
LABELLED = (
    RESNET,
    _labelled("lenet", "lenet_everpeace", "lenet_iter_10000.caffemodel"),
    _labelled("cifar10_full", "cifar10_full_everpeace", "cifar10_full_iter_70000.caffemodel"),
    _labelled("cifar10_convfc", "local_cifar10_convfc", "local_cifar10_convfc.caffemodel"),
)
"""Nets of which the labels of images tell what is lost."""


@lru_cache(maxsize=1)
def judged_nets() -> Tuple[JudgedNet, ...]:
    """Return the nets."""
    found = []
    for net in NETS:
        if net.folder in _LOOKED_AT:
            name, lost = _LOOKED_AT[net.folder]
            pair = [Path(net.folder) / file for file in ("deploy.prototxt", net.weights)]
            found.append(JudgedNet(name, *pair, _photos(net), _judge_photos(net), lost))
    return (*found, RESNET)


def net_named(name: str) -> JudgedNet:
    """Return the net of a row."""
    (found,) = (net for net in judged_nets() if net.name == name)
    return found
