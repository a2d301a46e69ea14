"""Nets of CIFAR-10 at 0.35 and 0.25 of their MACs, tuned by labels and by a teacher alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from smaller import NETS, PLANNER, REMOVED, ROUND, TAYLOR, THIN, Smaller, smaller
from store import FOLDER, KNOWN_ONLY, MeasurementStore
from training_data import training_data
from tuning import LABELS, TEACHER, TRAINED, Found, Recipe, accuracy_of, found
from zoo_data import ZooData

from netsurgery.jobs.planning import BALANCED
from netsurgery.network.cost import total_cost

TITLE = "Smaller nets, tuned by labels and by a teacher alone"
ALLOWED = {0.35: 0.5, 0.25: 1.5}
"""Points that may be lost at a share of the MACs."""
ALLOWED_WITH_SHORTCUTS = {"resnet20_cifar10": 3.0}
WAYS = (PLANNER, THIN, TAYLOR)
TAUGHT = (TEACHER, LABELS)
COLUMNS = {TEACHER: "teacher alone", LABELS: "labels alone"}
BATCH, RATE = 100, 1e-3
STEPS, VIEWS = 1200, 12
"""Of a tuning; of each image that a teacher answers."""
FEWER = {"resnet20_cifar10": (600, 8)}
"""Both for nets whose steps take long."""
_INTRODUCTION = f"""\
Nets brought to a share of their MACs in three ways, then tuned on the 5,000 training images there
are. *planner* (`netsurgery compress --macs --split {BALANCED}`) and *thin* (`netsurgery thin
--macs`): calibrated on 2,000 of them. *Taylor loop* (`netsurgery prune --macs --method taylor
--remove {REMOVED} --steps {ROUND.steps} --teacher ORIGINAL`): tuned in its rounds by what the
original answers, so that *untuned* is what the loop ends in.

Tuning: {STEPS:,} steps of {BATCH}, SGD at {RATE:g}, a tenth of it from 0.8 of the steps on, a
hundredth from 0.93 on; {VIEWS} views of each image, mirrored and moved by up to two pixels; 500
images are kept aside to say which net is the best. Of `resnet20` {FEWER["resnet20_cifar10"][0]}
steps, and {FEWER["resnet20_cifar10"][1]} views of 28 x 28. *teacher alone*: by what the original
answers at temperature 2, and no label (`netsurgery finetune SMALL --teacher ORIGINAL --views
{VIEWS}`); *labels alone*: by the class of each image. The originals were trained on 50,000 images,
`local_cifar10_convfc` for two epochs.

Accuracy on 3,000 images that nothing saw; *lost* are the points that the better of both lacks to
the original, beside those that are allowed. A dash was not measured.
"""


class _Case(NamedTuple):
    """A row of the table."""

    net: str
    way: str
    share: float


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    source, store = ZooData(data, zoo), MeasurementStore("tuning_cifar", TRAINED)
    cases = [_Case(net, way, share) for share in ALLOWED for way in WAYS for net in NETS]
    for case, taught in () if KNOWN_ONLY else _order(cases):
        _measure(case, taught, source, store)
    titles = ["net", "share", "by", "MACs", "original", "untuned"]
    titles += [*COLUMNS.values(), "lost (allowed)"]
    lines = [_INTRODUCTION, f"| {' | '.join(titles)} |", "|---|---:|---|" + "---:|" * 6]
    for case in cases:
        lines.append(f"| {' | '.join(_row(case, store))} |")
    return "\n".join(lines)


def _recipe(net: str, taught: str) -> Tuple[Recipe, int]:
    """How a net is tuned, and by how many views of each image."""
    steps, views = FEWER.get(net, (STEPS, VIEWS))
    return Recipe(taught, steps, RATE, BATCH), views


def _key(case: _Case, taught: str) -> List[Any]:
    """What a figure is kept by."""
    recipe, views = _recipe(case.net, taught)
    return [*case, *recipe, views]


def _order(cases: Sequence[_Case]) -> List[Tuple[_Case, str]]:
    """What is measured, by importance: the larger share first, of it the planner's nets, of these
    what the teacher alone makes of each.
    """
    places = {case: (-case.share, WAYS.index(case.way)) for case in cases}
    both = [(case, taught) for taught in TAUGHT for case in cases]
    return sorted(both, key=lambda one: places[one[0]])


def _measure(case: _Case, taught: str, data: ZooData, store: MeasurementStore) -> None:
    """Find out what is not known of a row."""
    key = _key(case, taught)
    if store.get(key) is not None:
        return
    net = NETS[case.net]
    original, small = net.load(data.zoo), smaller(Smaller(*case), data)
    images = training_data(net, original, data)
    if store.get([case.net]) is None:
        store.add([case.net], accuracy_of(original, images.judged))
    if store.get(case) is None:
        after, before = total_cost(small).macs, total_cost(original).macs
        assert after, "shapes are known"
        assert before, "shapes are known"
        store.add(case, after / before)
    recipe, views = _recipe(case.net, taught)
    answers = FOLDER / "answers" / case.net
    told = found([*case, views], small, original, images, recipe, views=views, answers=answers)
    store.add(key, told)


def _row(case: _Case, store: MeasurementStore) -> List[str]:
    original, macs = store.get([case.net]), store.get(case)
    known: Dict[str, Found] = {}
    for taught in TAUGHT:
        got = store.get(_key(case, taught))
        if got is not None:
            known[taught] = Found(*got)
    before = next((f"{one.before:.4f}" for one in known.values()), "-")
    tuned = [f"{known[one].after:.4f}" if one in known else "-" for one in TAUGHT]
    return [
        *(case.net, f"{case.share:g}", case.way),
        *("-" if macs is None else f"{macs:.3f}", "-" if original is None else f"{original:.4f}"),
        *(before, *tuned, _lost(case, original, known)),
    ]


def _lost(case: _Case, original: Optional[float], known: Mapping[str, Found]) -> str:
    allowed = ALLOWED_WITH_SHORTCUTS.get(case.net, ALLOWED[case.share])
    if original is None or not known:
        return f"- ({allowed:g})"
    lost = 100 * (original - max(one.after for one in known.values()))
    return f"{round(lost, 1) + 0.0:.1f} ({allowed:g})"
