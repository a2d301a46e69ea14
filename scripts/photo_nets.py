"""Nets of the zoo that look at photos: how they are fed, and what their outputs say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from accuracy import Collected
from photo_boxes import decode
from photo_views import halves, largest, views

from netsurgery.calibration import Inputs, input_shapes
from netsurgery.calibration.measuring import ObservedValue, Observer, Seen, measure
from netsurgery.network.model import Model, load
from netsurgery.quality.matching import (
    BOX,
    IMAGE,
    SCORE,
    detections,
    intersection_over_union,
    match_detections,
)
from netsurgery.verification.tallies import class_scores, count_in_top

Outputs = Dict[str, np.ndarray]
DETECTIONS = "DetectionOutput"
DRAWN = 5
"""Views of which one is chosen to calibrate a detector."""
SHARP = 2.0
"""Times as high and wide as a net's input that photos are looked at through windows."""
VEHICLES = ("000456", "images_demo", "resource_images_1", "resource_images_2")


@dataclass(frozen=True)
class Net:
    """A net that looks at photos.

    Attributes:
        folder: Its folder in the zoo.
        weights: Its weights there.
        engine: What runs it.
        mean: What is taken off each channel.
        scale: The factor after that.
        compare: Says in words what two sets of outputs have in common.
        best: Tells how sure a detector is of what it sees best in each view.
        rgb: Channels are red, green, blue, and not the other way round.
        only: The photos it is for; all if empty.
        counts: How many views calibrate and how many judge.
    """

    folder: str
    weights: str
    engine: str
    mean: Sequence[float]
    scale: float
    compare: Callable[[Outputs, Outputs], str]
    best: Optional[Callable[[Outputs], np.ndarray]] = None
    rgb: bool = False
    only: Sequence[str] = ()
    counts: Tuple[int, int] = (96, 120)

    def load(self, zoo: Path) -> Model:
        """Return the model."""
        return load(zoo / self.folder / "deploy.prototxt", zoo / self.folder / self.weights)

    def inputs(self, model: Model, images: Path) -> List[Inputs]:
        """Return what calibrates and what judges: views of different photos.

        A detector is calibrated on those of many views in which it is surest to see something, as
        of others the background is nearly all that it could learn; and on as many of these, as
        there is more than one background.
        """
        seen, judged = halves(images, self.only)
        drawn = self.counts[0] * (1 if self.best is None else DRAWN)
        chosen = self.views(model, seen, drawn)
        if self.best is not None:
            ((blob, fed),) = chosen.arrays.items()
            surest = np.argsort(-self.best(self.run(model, chosen)), kind="stable")
            count = self.counts[0]
            others = surest[count :: max(len(surest) // count - 1, 1)][:count]
            fed = fed[np.sort([*surest[:count], *others])]
            chosen = Inputs({blob: fed}, description=f"{len(fed)} of {chosen.description}")
        return [chosen, self.views(model, judged, self.counts[1])]

    def views(self, model: Model, half: Sequence[np.ndarray], count: int) -> Inputs:
        """Return so many views of photos, as the net is fed them."""
        seen = views(half, count, self.size(model), seed=0)
        return self.fed(model, seen, f"{count} views of {len(half)} photos")

    def pictures(self, model: Model, half: Sequence[np.ndarray]) -> Inputs:
        """Return photos larger than the net reads them, to be looked at through windows."""
        seen = largest(half, self.size(model), SHARP)
        return self.fed(model, seen, f"{len(seen)} pictures of {len(half)} photos")

    def size(self, model: Model) -> Tuple[int, int]:
        """Return the height and the width of what the net reads."""
        (shape,) = input_shapes(model.network()).values()
        return shape[2], shape[3]

    def fed(self, model: Model, seen: np.ndarray, description: str) -> Inputs:
        """Return pixels, uint8 BGR of shape (N, H, W, 3), as the net is fed them."""
        (blob,) = input_shapes(model.network())
        pixels = (seen[..., ::-1] if self.rgb else seen).astype(np.float32)
        values = (pixels - np.float32(self.mean)) * np.float32(self.scale)
        return Inputs({blob: values.transpose(0, 3, 1, 2)}, description=description)

    def run(self, model: Model, inputs: Inputs) -> Outputs:
        """Return what the net makes, and of a detector with NMS inside what that reads, too."""
        network = model.network()
        observers: Dict[str, Observer] = {}
        for value in network.outputs:
            layer = network.producer(value)
            if layer and layer.type == DETECTIONS:
                observers[DETECTIONS] = Found(ObservedValue(value))
                read = layer.bottoms[:2]
            else:
                read = [value]
            observers.update((str(one.blob), Collected(ObservedValue(one))) for one in read)
        measure([model], inputs, list(observers.values()), self.engine)
        return {name: observer.array for name, observer in observers.items()}


class Found(Collected):
    """Observer that keeps detections, the first number of each the number of its image."""

    def add(self, seen: Seen) -> None:
        """Take in an image."""
        rows = detections(seen[self.sources[0]])
        rows[:, IMAGE] = len(self._parts)
        self._parts.append(rows)


def errors(before: Outputs, after: Outputs) -> str:
    """Say how far outputs are apart, relative to what they are."""
    apart = {
        name: np.linalg.norm(before[name] - after[name]) / np.linalg.norm(before[name])
        for name in before
        if name != DETECTIONS
    }
    return ", ".join(f"{name} {error:.3f}" for name, error in apart.items())


def classes(before: Outputs, after: Outputs) -> str:
    """Say how often two nets agree on the best class."""
    (name,) = before
    old, new = (class_scores(one[name]) for one in (before, after))
    first, five = (count_in_top(new, old.argmax(axis=1), most) / len(old) for most in (1, 5))
    return f"the same best class of {first:.0%}, among the best five of {five:.0%}"


def pictures(before: Outputs, after: Outputs) -> str:
    """Say how much alike pictures are whose values go from 0 to 1."""
    (name,) = before
    old, new = (np.clip(one[name], 0, 1) for one in (before, after))
    return f"PSNR {-10 * np.log10(np.mean((old - new) ** 2)):.1f} dB"


def detected(least: float) -> Callable[[Outputs, Outputs], str]:
    """Return what says which detections two nets with NMS inside have in common.

    Args:
        least: Score from which a detection is one.
    """

    def compare(before: Outputs, after: Outputs) -> str:
        old, new = (one[DETECTIONS] for one in (before, after))
        return _matched(least, *(rows[rows[:, SCORE] >= least] for rows in (old, new)))

    return compare


def decoded(least: float) -> Callable[[Outputs, Outputs], str]:
    """Return the same for nets whose boxes are decoded outside."""

    def compare(before: Outputs, after: Outputs) -> str:
        old, new = (decode(one["scores"], one["boxes"], least) for one in (before, after))
        return _matched(least, old, new)

    return compare


def best_detected(outputs: Outputs) -> np.ndarray:
    """Return the highest score in each view, of a net with NMS inside."""
    rows = outputs[DETECTIONS]
    scores = next(one for name, one in outputs.items() if name != DETECTIONS)
    found = np.zeros(len(scores))
    np.maximum.at(found, rows[:, IMAGE].astype(int), rows[:, SCORE])
    return found


def best_decoded(outputs: Outputs) -> np.ndarray:
    """Return the highest score in each view, of a net whose boxes are decoded outside."""
    found: np.ndarray = outputs["scores"][..., 1].max(axis=1)
    return found


def _matched(least: float, old: np.ndarray, new: np.ndarray) -> str:
    first, second = match_detections(old, new)
    text = f"{len(first)} of {len(old)} above {least} found, {len(new) - len(second)} new"
    if not len(first):
        return text
    overlap = intersection_over_union(old[first][:, BOX], new[second][:, BOX])
    return f"{text}, IoU {np.mean(np.diagonal(overlap)):.2f}"


CAFFE_MEAN = (104, 117, 123)
NETS = (
    Net(
        "squeezenet_v1.0_deepcompression",
        "squeezenet_v1.0_decoded.caffemodel",
        "caffe",
        CAFFE_MEAN,
        1,
        classes,
    ),
    Net(
        "ultraface_rfb320",
        "RFB-320.caffemodel",
        "caffe",
        (127,),
        1 / 128,
        decoded(0.7),
        best_decoded,
        rgb=True,
    ),
    Net(
        "yufacedetect_v1",
        "yufacedetectnet-open-v1.caffemodel",
        "opencv",
        CAFFE_MEAN,
        1,
        detected(0.7),
        best_detected,
    ),
    Net(
        "hyperlpr_mininet_ssd",
        "mininet_ssd_v1.caffemodel",
        "opencv",
        (127.5,),
        0.007843,
        detected(0.5),
        best_detected,
        only=VEHICLES,
        counts=(96, 240),
    ),
    Net(
        "waifu2x_upconv7_scale2x",
        "scale2.0x_model.json.caffemodel",
        "caffe",
        (0,),
        1 / 255,
        pictures,
        rgb=True,
        counts=(72, 24),
    ),
)
