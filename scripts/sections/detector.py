"""A face detector's last stage, thinned, on photos that did not calibrate it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
from accuracy import Collected
from photo_crops import crops, photos
from store import FOLDER, KNOWN_ONLY, MeasurementStore
from thinned import CODE

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.measuring import ObservedValue, measure
from netsurgery.costs import Budget
from netsurgery.network.cost import total_cost
from netsurgery.network.graph import Value
from netsurgery.network.model import Model, load
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.surgery import apply

TITLE = "A face detector at 0.7 of its MACs"
BUDGET = Budget(macs=0.7)
CROPS, FACE = 2000, 0.7
SCORES, BOXES, LANDMARKS = "prob1", "conv6-2", "conv6-3"
WAYS = (
    ("l1", "none"),
    ("surgeon", "none"),
    ("l1", "refit"),
    ("surgeon", "patches"),
    ("surgeon", "refit"),
)
_INTRODUCTION = f"""\
`mtcnn_det3`, the last stage of MTCNN, in real Caffe. Squares of five sizes, cut from a grid over
the photos of `data/images`; of each half of the photos the {CROPS} to which the original gives the
highest face scores, which are those that the stages before would let through. One half calibrates;
figures are of the other. *found* are the crops above {FACE} that stay above, *false* those that
come up from below; *boxes* and *landmarks* differ by so much of the side of a crop, in the median
over the faces, and *outputs* is the relative error of all three.
"""
_COLUMNS = ("criterion", "compensation", "MACs", "found", "false", "boxes", "landmarks", "outputs")
Outputs = Dict[str, np.ndarray]


class _Crops(NamedTuple):
    """What is fed, and what the original makes of it."""

    inputs: Inputs
    outputs: Outputs


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    store = MeasurementStore("detector", CODE)
    if any(store.get(way) is None for way in WAYS) and not KNOWN_ONLY:
        _measure(load(*_files(zoo)), photos(data / "images"), store)
    found = {way: store.get(way) or ["-"] * (len(_COLUMNS) - 2) for way in WAYS}
    rows = [f"| {' | '.join([*way, *cells])} |" for way, cells in found.items()]
    heading = [f"| {' | '.join(_COLUMNS)} |", "|---|---|" + "---:|" * (len(_COLUMNS) - 2)]
    return "\n".join([_INTRODUCTION, *heading, *rows, ""])


def _files(zoo: Path) -> List[Path]:
    return [zoo / "mtcnn_det3" / name for name in ("deploy.prototxt", "det3.caffemodel")]


def _measure(model: Model, files: List[Path], store: MeasurementStore) -> None:
    seen, judged = (_choose(model, half) for half in (files[::2], files[1::2]))
    calibrator = Calibrator(seen.inputs, "caffe", cache=FOLDER / "calibrator")
    for criterion, compensate in [way for way in WAYS if store.get(way) is None]:
        request = ThinSpec(budget=BUDGET, criterion=criterion, compensate=compensate)
        thinned = apply(model, plan_thin(model, request, calibrator), calibrator)
        share = total_cost(thinned).macs / total_cost(model).macs
        cells = [f"{share:.3f}", *_compare(judged.outputs, _run(thinned, judged.inputs))]
        store.add((criterion, compensate), cells)
        print(criterion, compensate, *cells, file=sys.stderr)


def _choose(model: Model, files: List[Path]) -> _Crops:
    """The crops that look most like a face to the original."""
    everything = crops(files)
    outputs = _run(model, _inputs(everything))
    best = np.sort(np.argsort(-outputs[SCORES][:, 1])[:CROPS])
    return _Crops(_inputs(everything[best]), {name: one[best] for name, one in outputs.items()})


def _inputs(arrays: np.ndarray) -> Inputs:
    return Inputs({"data": arrays}, description=f"{len(arrays)} crops of photos")


def _run(model: Model, inputs: Inputs) -> Outputs:
    outputs: Dict[str, Value] = {value.blob: value for value in model.network().outputs}
    observers = {name: Collected(ObservedValue(value)) for name, value in outputs.items()}
    measure([model], inputs, list(observers.values()), "caffe")
    return {name: observer.array for name, observer in observers.items()}


def _compare(before: Outputs, after: Outputs) -> List[str]:
    faces, still = (found[SCORES][:, 1] > FACE for found in (before, after))
    away = {
        name: np.median(np.abs(before[name] - after[name])[faces]) for name in (BOXES, LANDMARKS)
    }
    squares = [((before[name] - after[name]) ** 2).sum() for name in before]
    whole = [(one**2).sum() for one in before.values()]
    return [
        f"{(faces & still).sum()} of {faces.sum()}",
        f"{(still & ~faces).sum()} of {(~faces).sum()}",
        f"{away[BOXES]:.4f}",
        f"{away[LANDMARKS]:.4f}",
        f"{np.sqrt(sum(squares) / sum(whole)):.3f}",
    ]
