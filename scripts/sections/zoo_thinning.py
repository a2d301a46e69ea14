"""Every net of the zoo with channels to cut, thinned to half its multiply-accumulates."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Optional

from store import KNOWN_ONLY, MeasurementStore
from thinned import CODE
from zoo_data import ZooData
from zoo_pairs import Pair, find_pairs

import netsurgery as ns
from netsurgery.calibration import Inputs, random_inputs
from netsurgery.costs import Budget
from netsurgery.errors import EngineError, NetsurgeryError, PlanError
from netsurgery.network.masks import without_masks
from netsurgery.network.model import Model, load

TITLE = "Half the MACs of every net of the zoo"
HALF = Budget(macs=0.5)
IMAGES, LABELLED, RANDOM, JUDGED = 600, 1000, 6, 4
_INTRODUCTION = f"""\
`netsurgery thin --macs 0.5` on every net of the zoo, the written pair loaded and run by real Caffe,
or by OpenCV where Caffe lacks a layer: the proof says that the pair equals, to float noise, the
original net with the weights that the method says it has. Calibration: {IMAGES} training images
where the zoo says how to prepare them (accuracy on {LABELLED} test images), else {RANDOM} random
inputs, which show that it runs and say nothing about what photos would lose (error of the outputs
on {JUDGED} others).
"""
_COLUMNS = (*("weights", "channels", "MACs", "bytes", "engine", "proof", "accuracy", "error"),)


class _Task(NamedTuple):
    """A net, with inputs to calibrate and to judge by."""

    model: Model
    calibration: Inputs
    judged: Inputs
    output: Optional[str]


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    store, rows, refused = MeasurementStore("zoo_thinning", CODE), [], []
    for pair in find_pairs(zoo):
        found = store.get([pair.name])
        if found is None and KNOWN_ONLY:
            continue
        if found is None:
            found = _examine(pair, ZooData(data, zoo))
            store.add([pair.name], found)
            print(pair.name, *found, file=sys.stderr)
        if len(found) > 1:
            rows.append(f"| {' | '.join([pair.name, *found])} |")
        else:
            refused.append(f"- `{pair.name}`: {found[0].replace(str(zoo), 'zoo')}")
    heading = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)]
    return "\n".join([_INTRODUCTION, *heading, *rows, "", "Not thinned:", "", *refused, ""])


def _examine(pair: Pair, data: ZooData) -> List[str]:
    """Return the cells of a net, or the one reason why there are none."""
    try:
        task = _prepare(pair, data)
        return _cells(_thin(task))
    except NetsurgeryError as error:
        return [str(error)]


def _prepare(pair: Pair, data: ZooData) -> _Task:
    model = without_masks(load(*pair))
    network = model.network()
    blob = network.inputs[0].blob
    held_out = data.held_out(pair.weights, blob)
    return _Task(
        model,
        data.calibration(pair.weights, blob, IMAGES) or random_inputs(network, RANDOM, 0),
        held_out.spread(LABELLED) if held_out else random_inputs(network, JUDGED, 1),
        data.task_output(pair.weights.parent.name),
    )


def _thin(task: _Task) -> ns.Compression:
    """Thin in real Caffe, or in OpenCV where that does not run the net."""
    try:
        return _thin_in("caffe", task)
    except EngineError as refusal:
        try:
            return _thin_in("opencv", task)
        except EngineError:
            raise refusal from None


def _thin_in(name: str, task: _Task) -> ns.Compression:
    request = ns.ThinRequest(
        budget=HALF,
        calibrate=task.calibration,
        inputs=task.judged,
        task_output=task.output,
        engine=name,
        cache=None,
    )
    with tempfile.TemporaryDirectory() as folder:
        done = ns.thin(task.model, request, folder)
    if not done.plan.edits:
        reasons = [f"{left.layer}: {left.reason}" for left in done.plan.skipped]
        raise PlanError(f"nothing can be cut ({'; '.join(reasons)})")
    return done


def _cells(done: ns.Compression) -> List[str]:
    before, after = done.costs
    assert done.effect
    accuracy = done.effect.accuracy
    return [
        ", ".join(
            f"{e.layer} {e.predicted.channels.after}/{e.predicted.channels.before}"
            for e in done.plan.edits
            if e.method == "thin"
        ),
        f"{after.macs / before.macs:.1%}",
        f"{done.sizes[1] / done.sizes[0]:.1%}",
        done.effect.engine,
        "passed" if not done.reasons else "; ".join(done.reasons),
        f"{accuracy.before:.4f} → {accuracy.after:.4f}" if accuracy else "-",
        f"{done.effect.error:.1e}",
    ]
