"""Nets that look at photos, at 0.6 of their MACs, tuned by a teacher on a few photos alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple, Tuple

from photo_nets import NETS, Net
from photo_views import halves
from smaller import made_once
from store import FOLDER, KNOWN_ONLY, MeasurementStore
from tuning import TRAINED, run_folder

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.formats import SolverText
from netsurgery.network.model import Model
from netsurgery.surgery import apply
from netsurgery.training import TEMPERATURE, TuningSettings, ZoomedViews, tune

TITLE = "Nets that look at photos, tuned by a teacher alone"


class _Asked(NamedTuple):
    """What is wanted of a net, and how it is tuned.

    Attributes:
        wanted: In words.
        rate: At the start.
        steps: Of the solver.
        temperature: Of classes.
    """

    wanted: str
    rate: float
    steps: int
    temperature: float = TEMPERATURE


TUNED = {
    "squeezenet_v1.0_deepcompression": _Asked("80 % of best classes the same", 3e-5, 24, 1),
    "ultraface_rfb320": _Asked("165 of 182 faces found", 1e-3, 400),
    "hyperlpr_mininet_ssd": _Asked("more than 20 of 47 plates found", 1e-3, 400),
}
"""Which nets."""
_CLASSES = {"squeezenet_v1.0_deepcompression": (("pool_final", "classes"),)}
BUDGET = Budget(macs=0.6)
BATCH, VALIDATIONS = 16, 4
SOLVER = SolverText.parse(b'type: "Adam" base_lr: 0.001 lr_policy: "fixed" momentum: 0.9')
ZOOM, ZOOM_OF_WINDOWS = 0.3, 0.6
_INTRODUCTION = f"""\
The nets of *photos* at 0.6 of their MACs, planned and fitted on views of one half of the photos,
then tuned on the same half by what the original answers (`netsurgery finetune SMALL --teacher
ORIGINAL --solver SOLVER --lr RATE --steps N --batch {BATCH} --mirror --zoom {ZOOM}`, the solver of
type Adam): windows of all sizes of the photos; for detectors, as most windows have nothing to see,
of the views that they were fitted on (`--zoom {ZOOM_OF_WINDOWS}`); SqueezeNet at `--temperature 1`.
There are no labels. A tenth of the inputs says which net is the best, among them windows of photos
that are trained on. Judged by views of the other half, as in *photos*: *untuned* is measured anew,
by the present code. A dash was not measured.
"""
_COLUMNS = ("net", "wanted", "rate", "steps", "untuned", "tuned")
_UNTUNED, _TUNED = "untuned", "tuned"


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    store, rows = MeasurementStore("photos_tuned", TRAINED), []
    for net in NETS:
        if net.folder not in TUNED:
            continue
        if store.get([net.folder, _TUNED]) is None and not KNOWN_ONLY:
            measure(net, zoo, data / "images", store)
        cells = [store.get([net.folder, way]) or "-" for way in (_UNTUNED, _TUNED)]
        asked = TUNED[net.folder]
        told = [net.folder, asked.wanted, f"{asked.rate:g}", str(asked.steps), *cells]
        rows.append(f"| {' | '.join(told)} |")
    heading = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    return "\n".join([_INTRODUCTION, *heading, *rows, ""])


def measure(net: Net, zoo: Path, images: Path, store: MeasurementStore) -> None:
    """Find out what a smaller net has in common with the original, untuned and tuned.

    Args:
        net: The net.
        zoo: The folder of models.
        images: The folder of photos.
        store: Where figures go as they come.
    """
    started = time.monotonic()
    original, small = net.load(zoo), smaller(net, zoo, images)
    judged = net.views(original, halves(images, net.only).judged, net.counts[1])
    before = net.run(original, judged)
    if store.get([net.folder, _UNTUNED]) is None:
        store.add([net.folder, _UNTUNED], net.compare(before, net.run(small, judged)))
    inputs, augmentation = shown(net, original, images)
    asked = TUNED[net.folder]
    settings = TuningSettings(
        steps=asked.steps,
        batch=BATCH,
        rate=asked.rate,
        solver=SOLVER,
        temperature=asked.temperature,
        augmentation=augmentation,
        views=-(-asked.steps * BATCH // len(inputs)),  # so many of each are shown
        hold_out=0.1,
        reported_elsewhere=True,
        validate_every=asked.steps // VALIDATIONS,
        patience=None,
        output_kinds=_CLASSES.get(net.folder, ()),
        engine="caffe",
    )
    with run_folder(f"photos-{net.folder}") as folder:
        done = tune(small, original, inputs, settings, folder)
    found = net.compare(before, net.run(done.model, judged))
    store.add([net.folder, _TUNED], found)
    print(net.folder, found, f"{time.monotonic() - started:.0f} s", file=sys.stderr)


def shown(net: Net, original: Model, images: Path) -> Tuple[Inputs, ZoomedViews]:
    """Return what a net is tuned on, and how it is looked at.

    Args:
        net: The net.
        original: The net before it was made smaller.
        images: The folder of photos.
    """
    if net.best is not None:
        return net.inputs(original, images)[0], ZoomedViews(mirror=True, zoom=ZOOM_OF_WINDOWS)
    pictures = net.pictures(original, halves(images, net.only).seen)
    return pictures, ZoomedViews(mirror=True, crop=net.size(original), zoom=ZOOM)


def smaller(net: Net, zoo: Path, images: Path) -> Model:
    """Return the smaller net, untuned; it is made once, and read where it is kept later.

    Args:
        net: The net.
        zoo: The folder of models.
        images: The folder of photos.
    """

    def make() -> Model:
        model = net.load(zoo)
        calibrator = Calibrator(
            net.inputs(model, images)[0], net.engine, cache=FOLDER / "calibrator"
        )
        return apply(model, plan_budget(model, BudgetRequest(BUDGET), calibrator), calibrator)

    return made_once(f"photos-{net.folder}", make)
