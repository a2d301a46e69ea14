"""Nets of CIFAR-10 at 0.35 and 0.25 of their MACs, tuned by labels and by a teacher alone."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from smaller import NETS, PLANNER, THIN, Smaller, smaller
from store import KNOWN_ONLY, MeasurementStore
from training_data import training_data
from tuning import LABELS, TEACHER, TRAINED, Found, Recipe, accuracy_of, found
from zoo_data import ZooData

from netsurgery.network.cost import total_cost

TITLE = "Smaller nets, tuned by labels and by a teacher alone"
ALLOWED = {0.35: 0.5, 0.25: 1.5}
"""Points that may be lost at a share of the MACs."""
ALLOWED_WITH_SHORTCUTS = {"resnet20_cifar10": 3.0}
WAYS = (PLANNER, THIN)
TAUGHT = (LABELS, TEACHER)
STEPS, BATCH = 600, 100
RATES = {LABELS: 1e-4, TEACHER: 1e-3}
_DROPS = (8 * STEPS // 10, 93 * STEPS // 100)
_INTRODUCTION = f"""\
Nets brought to a share of their MACs by the planner (`netsurgery compress --macs`) and by thinning
(`netsurgery thin --macs`), calibrated on 2,000 of the 5,000 training images there are, then tuned
on these 5,000: {STEPS} steps of {BATCH}, SGD at {RATES[LABELS]:g} by labels and at
{RATES[TEACHER]:g} by the teacher, a tenth of it from step {_DROPS[0]} on, a hundredth from
{_DROPS[1]} on, mirrored and moved by up to two pixels (`resnet20`: windows of 28 x 28), 500 images
kept aside to say which net is the best. The originals were trained on 50,000.
*labels*: by the class of each image; *teacher*: by what the original answers, and no label
(`netsurgery finetune SMALL --teacher ORIGINAL --views 4`, temperature 2). Accuracy on 3,000 images
that nothing saw; *lost* are the points that the better of both lacks to the original, beside those
that are allowed. A dash was not measured.
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
    titles = ["net", "share", "by", "MACs", "original", "untuned", *TAUGHT, "lost (allowed)"]
    lines = [_INTRODUCTION, f"| {' | '.join(titles)} |", "|---|---:|---|" + "---:|" * 6]
    for case in cases:
        lines.append(f"| {' | '.join(_row(case, store))} |")
    return "\n".join(lines)


def _recipe(taught: str) -> Recipe:
    return Recipe(taught, STEPS, RATES[taught], BATCH)


def _order(cases: Sequence[_Case]) -> List[Tuple[_Case, str]]:
    """What is measured, by importance: the larger share first, and of it the planner's nets."""
    places = {case: (-case.share, WAYS.index(case.way)) for case in cases}
    both = [(case, taught) for taught in TAUGHT for case in cases]
    return sorted(both, key=lambda one: places[one[0]])


def _measure(case: _Case, taught: str, data: ZooData, store: MeasurementStore) -> None:
    """Find out what is not known of a row."""
    key = [*case, *_recipe(taught)]
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
    store.add(key, found(case, small, original, images, _recipe(taught)))


def _row(case: _Case, store: MeasurementStore) -> List[str]:
    original, macs = store.get([case.net]), store.get(case)
    known: Dict[str, Found] = {}
    for taught in TAUGHT:
        got = store.get([*case, *_recipe(taught)])
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
