"""Accuracy of thinned nets against what they cost, for every criterion, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Tuple

from accuracy import IMAGES, Found, cell
from curves import COLOURS, Curve, draw
from store import ROOT
from thinned import NETS, Case, measure_thinned
from zoo_data import ZooData

from netsurgery.criteria import CRITERIA

TITLE = "Thinning: accuracy against MACs"
UNIFORM = 0.7
AIMS = {0.73: 2, 0.5: 5}
"""How many points may be lost at these shares of the MACs, as was set before they were measured."""
SHARES = (0.73, 0.5, 0.35)
"""Of the MACs, for the criteria that are drawn; the others are measured at the first two."""
FEW = 500
"""Training images that calibrate where all criteria are compared."""
CURVES = tuple(NETS)[:4]
"""The nets of the second table and of the plots."""

FIRST = ("surgeon", "l1", "taylor", "somp", "consumer", "random")
"""Criteria that head the table; the others follow by name."""

WAYS = ("none", "refit")

_INTRODUCTION = f"""\
Real Caffe, no training. {IMAGES} training images calibrate, accuracy is that on test images which
none of it has seen (3,000 of CIFAR-10; 2,000 of MNIST, whose other 8,000 calibrate).

First the steps one by one. *uniform*: every layer keeps {UNIFORM} of its channels; *ranked*: one
ranking of all channels of the net, at the MACs of the uniform net. Figures in brackets were
measured before there were these criteria and fits. A dash: not measured yet.
"""
_DEFAULT = """\
What `netsurgery thin --macs SHARE --calibrate` does when nothing else is asked for, criterion
`surgeon` and `refit`, against what may be lost:
"""
_SHARES = f"""\
One ranking of all channels, down to shares of the net's MACs, by every criterion, with {FEW} images
to calibrate. *none*: without compensation; *refit*: every layer behind a cut is fitted to what it
made in the original, which is the default.
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
    lines = [_INTRODUCTION, *_steps(source), "", _DEFAULT, *_defaults(source), "", _SHARES]
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


def _defaults(data: ZooData) -> List[str]:
    titles = ["net", "original"]
    for share, points in AIMS.items():
        titles += [f"at {share}", f"points lost ({points} allowed)"]
    lines = [f"| {' | '.join(titles)} |", "|---|" + "---:|" * (len(titles) - 1)]
    for net in CURVES:
        original = Case(net, "original")
        cases = [Case(net, "surgeon", "macs", share, "refit") for share in AIMS]
        found = measure_thinned([original, *cases], data)
        cells = [cell(found, original)]
        for case in cases:
            known = {case, original} <= set(found)
            lost = 100 * (found[original].accuracy - found[case].accuracy) if known else 0.0
            cells += [cell(found, case), f"{lost:.1f}" if known else "-"]
        lines.append(f"| {' | '.join([net, *cells])} |")
    return lines


def _step_case(net: str, step: _Step, share: float) -> Case:
    kept = share if step.wish == "macs" else UNIFORM
    return Case(net, step.criterion, step.wish, kept, step.compensate)


def _curve_cases(net: str) -> List[Case]:
    cases = [Case(net, "original")]
    for criterion in _criteria():
        for compensate in WAYS:
            cases += _row(net, criterion, compensate)
    return cases


def _row(net: str, criterion: str, compensate: str) -> List[Case]:
    shares = SHARES if criterion in COLOURS else tuple(AIMS)
    return [Case(net, criterion, "macs", share, compensate, FEW) for share in shares]


def _criteria() -> List[str]:
    """All criteria, in the order of the table."""
    return [*FIRST, *sorted(set(CRITERIA.all()) - set(FIRST))]


def _curve_table(net: str, found: Mapping[Case, Found]) -> List[str]:
    titles = ["criterion", "compensation", *map(str, SHARES)]
    lines = [f"| {' | '.join(titles)} |", "|---|---|" + "---:|" * len(SHARES)]
    for criterion in _criteria():
        for compensate in WAYS:
            cells = [cell(found, case) for case in _row(net, criterion, compensate)]
            if set(cells) == {"-"}:
                continue
            cells += [""] * (len(SHARES) - len(cells))
            lines.append(f"| {' | '.join([criterion, compensate, *cells])} |")
    return [f"Original: {cell(found, Case(net, 'original'))}", "", *lines]


def _plot(net: str, found: Mapping[Case, Found]) -> str:
    """Draw the curves of a net and return the line that shows them."""
    curves = []
    for criterion in COLOURS:
        for compensate in WAYS:
            cases = _row(net, criterion, compensate)
            points = [(found[case].macs, found[case].accuracy) for case in cases if case in found]
            if points:
                curves.append(Curve(criterion, compensate, sorted(points)))
    path = ROOT / "docs" / "images" / f"thinning-{net}.svg"
    draw(curves, net, found[Case(net, "original")].accuracy, path)
    return f"![accuracy of {net} against its MACs](images/{path.name})"
