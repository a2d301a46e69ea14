"""Accuracy of thinned nets against what they cost, for every criterion, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Tuple

from accuracy import IMAGES, Found, cell
from curves import COLOURS, Curve, draw
from notebook import ROOT
from thinned import NETS, Case, measure_thinned
from zoo_data import ZooData

from netsurgery.criteria import CRITERIA

TITLE = "Thinning: accuracy against MACs"
UNIFORM = 0.7
SHARES = (0.9, 0.73, 0.6, 0.5, 0.35)
CURVES = tuple(NETS)[:4]
"""The nets of the second table and of the plots."""

FIRST = ("surgeon", "l1", "taylor", "somp", "consumer", "random")
"""Criteria that head the table; the others follow by name."""

WAYS = ("none", "refit")

_INTRODUCTION = f"""\
Real Caffe, no training. {IMAGES} training images calibrate, accuracy is that on test images which
none of it has seen (3,000 of CIFAR-10; 2,000 of MNIST, whose other 8,000 calibrate).

First the steps one by one. *uniform*: every layer keeps {UNIFORM} of its channels; *ranked*: one
ranking of all channels of the net, at the MACs of the uniform net. Figures in brackets are those
that issue 3 set out from. A dash: not measured yet.
"""
_SHARES = """\
One ranking of all channels, down to shares of the net's MACs. *none*: without compensation;
*refit*: every layer behind a cut is fitted to what it made in the original, which is the default.
"""


class _Step(NamedTuple):
    """A column of the first table."""

    criterion: str
    compensate: str
    wish: str = "keep"

    @property
    def title(self) -> str:
        """What is done, for a heading."""
        fitted = "" if self.compensate == "none" else f" + {self.compensate}"
        return f"{'ranked' if self.wish == 'macs' else 'uniform'} {self.criterion}{fitted}"


_STEPS = (
    _Step("l1", "none"),
    _Step("l1", "channels"),
    _Step("somp-activations", "channels"),
    _Step("consumer", "channels"),
    _Step("consumer", "patches"),
    _Step("surgeon", "patches"),
    _Step("surgeon", "refit"),
    _Step("surgeon", "patches", "macs"),
    _Step("surgeon", "refit", "macs"),
)
# Original, l1, l1 + channels, SOMP on activations + channels, consumer + channels.
_BEFORE: Dict[str, Tuple[str, ...]] = {
    "cifar10_full_everpeace": (".789", ".220", ".713", ".653", ".703"),
    "cifar10_quick_everpeace": (".727", ".524", ".649", ".659", ".662"),
    "local_cifar10_convfc": (".633", ".253", ".591", ".596", "-"),
    "lenet_ethereon": (".987", ".985", ".987", ".987", ".988"),
}


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown, and draw its plots.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    source = ZooData(data, zoo)
    lines = [_INTRODUCTION, *_steps(source), "", _SHARES]
    for net in CURVES:
        found = measure_thinned(_curve_cases(net), source)
        if len(found) < 2:
            continue
        lines += [f"### {net}", "", *_curve_table(net, found), "", _plot(net, found), ""]
    return "\n".join(lines)


def _steps(data: ZooData) -> List[str]:
    titles = ["net", "MACs", "original", *(step.title for step in _STEPS)]
    lines = [f"| {' | '.join(titles)} |", "|---|" + "---:|" * (len(titles) - 1)]
    for net in NETS:
        first = Case(net, "l1", "keep", UNIFORM)
        uniform = measure_thinned([first], data)
        if not uniform:
            continue
        share = round(uniform[first].macs, 3)
        cases = [Case(net, "original"), *(_step_case(net, step, share) for step in _STEPS)]
        found = measure_thinned(cases, data)
        cells = [cell(found, case) for case in cases]
        for number, before in enumerate(_BEFORE.get(net, ())):
            cells[number] += f" ({before})"
        lines.append(f"| {' | '.join([net, f'{share:.3f}', *cells])} |")
    return lines


def _step_case(net: str, step: _Step, share: float) -> Case:
    kept = share if step.wish == "macs" else UNIFORM
    return Case(net, step.criterion, step.wish, kept, step.compensate)


def _curve_cases(net: str) -> List[Case]:
    cases = [Case(net, "original")]
    for criterion in _criteria():
        for compensate in WAYS:
            cases += [Case(net, criterion, "macs", share, compensate) for share in SHARES]
    return cases


def _criteria() -> List[str]:
    """All criteria, in the order of the table."""
    return [*FIRST, *sorted(set(CRITERIA.all()) - set(FIRST))]


def _curve_table(net: str, found: Mapping[Case, Found]) -> List[str]:
    titles = ["criterion", "compensation", *map(str, SHARES)]
    lines = [f"| {' | '.join(titles)} |", "|---|---|" + "---:|" * len(SHARES)]
    for criterion in _criteria():
        for compensate in WAYS:
            row = [Case(net, criterion, "macs", share, compensate) for share in SHARES]
            cells = [cell(found, case) for case in row]
            if set(cells) == {"-"}:
                continue
            lines.append(f"| {' | '.join([criterion, compensate, *cells])} |")
    return [f"Original: {cell(found, Case(net, 'original'))}", "", *lines]


def _plot(net: str, found: Mapping[Case, Found]) -> str:
    """Draw the curves of a net and return the line that shows them."""
    curves = []
    for criterion in COLOURS:
        for compensate in WAYS:
            cases = [Case(net, criterion, "macs", share, compensate) for share in SHARES]
            points = [(found[case].macs, found[case].accuracy) for case in cases if case in found]
            if points:
                curves.append(Curve(criterion, compensate, sorted(points)))
    path = ROOT / "docs" / "images" / f"thinning-{net}.svg"
    draw(curves, net, found[Case(net, "original")].accuracy, path)
    return f"![accuracy of {net} against its MACs](images/{path.name})"
