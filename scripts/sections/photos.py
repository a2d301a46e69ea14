"""Nets that look at photos, at 0.6 of their MACs, on photos that did not calibrate them."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import List, NamedTuple

from photo_nets import NETS, Net, Outputs, errors
from store import FOLDER, KNOWN_ONLY, MeasurementStore

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning.plan import Plan
from netsurgery.surgery import apply

TITLE = "Nets that look at photos, at 0.6 of their MACs"
BUDGET = Budget(macs=0.6)
WEIGHTS_ALONE, PHOTOS = WAYS = ("weights alone", "photos")
CODE = (
    *("budgets", "methods", "criteria", "linalg", "planning"),
    *("calibration/observers.py", "network/scores.py"),
)
_INTRODUCTION = """\
`netsurgery plan --macs 0.6` on nets that look at photos, without training. Every other photo of
`data/images` calibrates, the others judge; of each half whole photos and windows of them, at 0.3
of the largest size or more, at the size that the net declares, every other one mirrored. Of five
times as many views a detector is calibrated on those in which it is surest to see something, and on
as many of the others; that of plates sees photos of vehicles only. Real Caffe runs
`squeezenet`, `ultraface` and `waifu2x`, OpenCV the others. *weights alone*: no photo calibrates,
forms are scored by the energy of the weights; *photos*: by what arrives at the outputs on them, and
layers are fitted to them.

*forms* counts the edits of each method. *error* is that of each output, or of what the detections
are made from, relative to the original's. *found* are the original's detections above a score
that the smaller net has above it, too, at an overlap of 0.5 or more; *new* are those that only it
has; *IoU* is the mean overlap of those found. PSNR is that of the enlarged picture against the one
that the original makes.
"""
_COLUMNS = ("net", "plan", "forms", "MACs", "bytes", "error", "against the original")


class _Task(NamedTuple):
    """A net, with photos to calibrate and to judge by."""

    net: Net
    model: Model
    calibrator: Calibrator
    judged: Inputs
    before: Outputs


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    store = MeasurementStore("photos", CODE)
    for way in WAYS:
        for net in NETS:
            if store.get([net.folder, way]) is None and not KNOWN_ONLY:
                _measure(net, way, zoo, data, store)
    rows = []
    for net in NETS:
        for way in WAYS:
            cells = store.get([net.folder, way]) or ["-"] * (len(_COLUMNS) - 2)
            rows.append(f"| {' | '.join([net.folder, way, *cells])} |")
    heading = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    return "\n".join([_INTRODUCTION, *heading, *rows, ""])


def _measure(net: Net, way: str, zoo: Path, data: Path, store: MeasurementStore) -> None:
    started = time.monotonic()
    model = net.load(zoo)
    seen, judged = net.inputs(model, data / "images")
    calibrator = Calibrator(seen, net.engine, cache=FOLDER / "calibrator")
    cells = _plan(_Task(net, model, calibrator, judged, net.run(model, judged)), way)
    store.add([net.folder, way], cells)
    print(net.folder, way, *cells, f"{time.monotonic() - started:.0f} s", file=sys.stderr)


def _plan(task: _Task, way: str) -> List[str]:
    calibrator = None if way == WEIGHTS_ALONE else task.calibrator
    plan = plan_budget(task.model, BudgetRequest(BUDGET), calibrator)
    smaller = apply(task.model, plan, calibrator)
    after = task.net.run(smaller, task.judged)
    return [
        _forms(plan),
        f"{total_cost(smaller).macs / total_cost(task.model).macs:.3f}",
        f"{_bytes(smaller) / _bytes(task.model):.3f}",
        errors(task.before, after),
        task.net.compare(task.before, after),
    ]


def _forms(plan: Plan) -> str:
    counts = Counter(edit.method for edit in plan.edits)
    return ", ".join(f"{count} {method}" for method, count in counts.most_common())


def _bytes(model: Model) -> int:
    assert model.weights
    return model.weights.size()
