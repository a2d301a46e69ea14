"""Accuracy of low-rank nets: fits at uniform ranks, plans by budget, and what each step brings."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from accuracy import IMAGES, Found, cell
from factored import HALF, NETS, Case, Planned, Uniform, has_batchnorm, measure_factored
from zoo_data import ZooData

TITLE = "Low rank: convolutions, data and budgets"
BUDGETS = (0.7, 0.5)
NAMED = tuple(NETS)[:4]
"""The nets for which aims were set; the last of them has shortcuts."""

ALLOWED = {(net, share): lost for net in NAMED[:3] for share, lost in zip(BUDGETS, (0.03, 0.06))}
ALLOWED.update({(NAMED[3], share): 0.25 for share in BUDGETS})
"""What may be lost by budget; one figure was set for the net with shortcuts."""

PLAIN = ("channel_svd", "spatial_svd")
"""Forms that no data has seen: plain SVD, and the closed form of Tai."""

_INTRODUCTION = f"""\
Every net of CIFAR-10 in the zoo whose preprocessing is known (of `cifar10_bn_graphopt/opt_model` it
is not), in real Caffe, without training. {IMAGES} training images, of all classes alike, calibrate;
accuracy is that on 3,000 test images which nothing has seen.

First the fits, at the same MACs: every layer but the last at {HALF} of its own, by the largest rank
that takes no more (a layer that no rank halves would stay; there is none here). Convolutions take
the method that heads the column (1 x 1 always `channel_svd`), InnerProduct layers `svd` with the
same fit, and the last layer stays as it is. *relu*: asymmetric, but of layers that a ReLU alone
reads what that leaves counts. *refit*: the last layer of each chain is fitted to the original
behind its edit. Figures in brackets were measured before there were these fits. A dash: not
measured yet; what is counted below leaves such nets out.
"""
_BUDGETED = """\
By budget: `plan_budget` with its default methods, score `effect`, and refit. *MACs*: what is left.
"""
_STEPPED = f"""\
What each step of the planner brings, at {HALF} of the MACs: every column adds to the one before,
but the last two each to *+ score `effect`*, which weighs what a layer loses by how much of it
arrives at the net's outputs. Score `output` reckons with chains whose last layer is fitted to
inputs: without refit it chooses forms that are good only then. A dash: not measured yet, or there
is no BatchNorm to fold.
"""


class _Way(NamedTuple):
    """A column of the first table."""

    title: str
    method: str
    fit: str = "none"
    refit: bool = False


_WAYS = (
    _Way("original", "original"),
    _Way("plain `channel_svd`", "channel_svd"),
    _Way("`spatial_svd` (Tai)", "spatial_svd"),
    _Way("`channel_svd`, data", "channel_svd", "data"),
    _Way("`channel_svd`, asymmetric", "channel_svd", "asymmetric"),
    _Way("`channel_svd`, relu", "channel_svd", "relu"),
    _Way("`channel_svd`, data, refit", "channel_svd", "data", True),
    _Way("`spatial_svd`, refit", "spatial_svd", "none", True),
)
# Original, plain channel_svd, spatial_svd, channel_svd fitted to data.
_BEFORE: Dict[str, Tuple[str, ...]] = {
    "cifar10_full_everpeace": (".789", ".427", ".684", ".666"),
    "cifar10_quick_everpeace": (".727", ".399", ".560", ".623"),
    "local_cifar10_convfc": (".633", ".261", ".166", ".601"),
    "resnet20_cifar10": (".809", ".134", ".259", ".348"),
}


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    source = ZooData(data, zoo)
    uniform = [Uniform(net, *way[1:]) for net in NETS for way in _WAYS]
    planned = [Planned(net, share) for net in NETS for share in BUDGETS]
    steps = {net: _steps(net, source) for net in NAMED}
    stepped = [case for cases in steps.values() for case in cases]
    found = measure_factored([*uniform, *planned, *stepped], source)
    return "\n".join(
        [
            _INTRODUCTION,
            *_fits(found),
            "",
            *_comparisons(found),
            "",
            _BUDGETED,
            *_budgets(found),
            "",
            *_aims(found),
            "",
            _STEPPED,
            *_step_table(steps, found),
        ]
    )


def _fits(found: Mapping[Case, Found]) -> List[str]:
    rows = []
    for net in NETS:
        cases = [Uniform(net, *way[1:]) for way in _WAYS]
        cells = [cell(found, case) for case in cases]
        for number, before in enumerate(_BEFORE.get(net, ())):
            cells[number] += f" ({before})"
        shares = [f"{found[case].macs:.3f}" for case in cases[1:] if case in found]
        rows.append([net, f"{min(shares)} to {max(shares)}" if shares else "-", *cells])
    return _table(["net", "MACs", *(way.title for way in _WAYS)], rows)


def _comparisons(found: Mapping[Case, Found]) -> List[str]:
    """Say of every way that has seen data on how many nets it reaches the aim."""
    lines = [
        "Aim: a fit to data beats both forms without, on every net, and loses at most half of what "
        "each of them loses. Reached:",
        "",
    ]
    ways = {way.title: [Uniform(net, *way[1:]) for net in NETS] for way in _WAYS[3:]}
    ways[f"the planner at {HALF}, below"] = [Planned(net, HALF) for net in NETS]
    for title, cases in ways.items():
        lines.append(f"- {title}: {_compared(cases, found)}")
    return lines


def _compared(cases: Sequence[Case], found: Mapping[Case, Found]) -> str:
    worse, more, known = [], [], 0
    for case in cases:
        plain = [Uniform(case.net, method) for method in PLAIN]
        if not {case, Uniform(case.net, "original"), *plain} <= set(found):
            continue
        known += 1
        best = min(_lost(one, found) for one in plain)
        if _lost(case, found) >= best:
            worse.append(case.net)
        if _lost(case, found) > best / 2:
            more.append(case.net)
    return f"{_on(known, worse, 'beats both')}; {_on(known, more, 'loses at most half')}."


def _on(known: int, failed: Sequence[str], what: str) -> str:
    if not failed:
        return f"{what} on all {known} measured"
    return f"{what} on {known - len(failed)} of {known} measured, not on {', '.join(failed)}"


def _budgets(found: Mapping[Case, Found]) -> List[str]:
    titles = ["net", "original"]
    for share in BUDGETS:
        titles += [f"at {share}", "MACs", "points lost"]
    rows = []
    for net in NETS:
        row = [net, cell(found, Uniform(net, "original"))]
        for share in BUDGETS:
            case = Planned(net, share)
            known = {case, Uniform(net, "original")} <= set(found)
            row += [cell(found, case), f"{found[case].macs:.3f}" if known else "-"]
            row.append(_points(_lost(case, found)) if known else "-")
        rows.append(row)
    return _table(titles, rows)


def _aims(found: Mapping[Case, Found]) -> List[str]:
    lines = ["Aims, in points lost:", ""]
    for (net, share), allowed in ALLOWED.items():
        case = Planned(net, share)
        outcome = "not measured yet"
        if {case, Uniform(net, "original")} <= set(found):
            lost = _lost(case, found)
            outcome = f"{_points(lost)}, {'reached' if lost <= allowed else 'NOT reached'}"
        lines.append(f"- {net} at {share}, aim {100 * allowed:.0f}: {outcome}")
    return lines


def _steps(net: str, data: ZooData) -> List[Case]:
    """The cases of the last table; the one that folds only where there is something to fold."""
    steps = [
        Planned(net, HALF, "energy", refit=False),
        Planned(net, HALF, "output", refit=False),
        Planned(net, HALF, "output"),
        Planned(net, HALF),
        Planned(net, HALF, thin=True),
        Planned(net, HALF, fold=True),
    ]
    return steps if has_batchnorm(NETS[net], data) else steps[:-1]


def _step_table(steps: Mapping[str, Sequence[Case]], found: Mapping[Case, Found]) -> List[str]:
    titles = ["net", "original", "score `energy`, no data", "score `output`", "+ refit"]
    titles += ["+ score `effect`", "+ `thin`", "+ `fold_batchnorm`"]
    rows = []
    for net, cases in steps.items():
        cells = [cell(found, case) for case in (Uniform(net, "original"), *cases)]
        rows.append([net, *cells, *["-"] * (len(titles) - 1 - len(cells))])
    return _table(titles, rows)


def _lost(case: Case, found: Mapping[Case, Found]) -> float:
    return found[Uniform(case.net, "original")].accuracy - found[case].accuracy


def _points(lost: float) -> str:
    # No minus before a zero.
    return f"{round(100 * lost, 1) + 0.0:.1f}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> List[str]:
    heading = [f"| {' | '.join(titles)} |", "|---|" + "---:|" * (len(titles) - 1)]
    return [*heading, *(f"| {' | '.join(row)} |" for row in rows)]
