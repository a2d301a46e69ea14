"""Nets that look at photos, at 0.6 of their MACs, tuned by a teacher on a few photos alone."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import List

from photo_nets import NETS, Net
from smaller import made_once
from store import FOLDER, KNOWN_ONLY, MeasurementStore
from tuning import TRAINED, run_folder

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.network.model import Model
from netsurgery.surgery import apply
from netsurgery.training import Augmentation, TuningSettings, tune

TITLE = "Nets that look at photos, tuned by a teacher alone"
TUNED = {
    "squeezenet_v1.0_deepcompression": "80 % of best classes the same",
    "ultraface_rfb320": "165 of 182 faces found",
    "hyperlpr_mininet_ssd": "20 of 47 plates found",
}
"""Which nets, and what is wanted of them."""
_CLASSES = {"squeezenet_v1.0_deepcompression": (("pool_final", "classes"),)}
BUDGET = Budget(macs=0.6)
STEPS, BATCH, RATE, VALIDATIONS = 300, 16, 1e-4, 10
_INTRODUCTION = f"""\
The nets of *photos* at 0.6 of their MACs, planned and fitted on views of one half of the photos,
then tuned on the same views, mirrored half of the time, by what the original answers on them
(`netsurgery finetune SMALL --teacher ORIGINAL --mirror`): {STEPS} steps of {BATCH} at {RATE:g};
there are no labels. Judged by views of the other half, as there. A dash was not measured.
"""
_COLUMNS = ("net", "wanted", "untuned", "tuned")


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
        if store.get([net.folder]) is None and not KNOWN_ONLY:
            store.add([net.folder], measure(net, zoo, data / "images"))
        cells = store.get([net.folder]) or ["-", "-"]
        rows.append(f"| {' | '.join([net.folder, TUNED[net.folder], *cells])} |")
    heading = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    return "\n".join([_INTRODUCTION, *heading, *rows, ""])


def measure(net: Net, zoo: Path, images: Path) -> List[str]:
    """Return what a smaller net has in common with the original, untuned and tuned.

    Args:
        net: The net.
        zoo: The folder of models.
        images: The folder of photos.
    """
    started = time.monotonic()
    original = net.load(zoo)
    seen, judged = net.inputs(original, images)
    small = smaller(net, zoo, images)
    settings = TuningSettings(
        steps=STEPS,
        batch=BATCH,
        rate=RATE,
        augmentation=Augmentation(mirror=True),
        reported_elsewhere=True,
        validate_every=STEPS // VALIDATIONS,
        patience=None,
        output_kinds=_CLASSES.get(net.folder, ()),
        engine="caffe",
    )
    with run_folder(f"photos-{net.folder}") as folder:
        done = tune(small, original, seen, settings, folder)
    before, *others = (net.run(one, judged) for one in (original, small, done.model))
    cells = [net.compare(before, after) for after in others]
    print(net.folder, *cells, f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return cells


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
