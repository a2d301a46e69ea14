"""What plans in a hurry save, and what they lose on inputs that did not calibrate them."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Tuple

from benchmarks.comparison.bench import Bench, Command, NotHereError, seconds
from benchmarks.comparison.judged_nets import (
    ASKED,
    LABELLED,
    JudgedNet,
    Losses,
    more_lost,
    net_named,
)
from benchmarks.setting import say, table

NETS = (*LABELLED, net_named("squeezenet"), net_named("ultraface"))
NAMES = tuple(net.name for net in NETS)
WAYS: Tuple[Tuple[object, ...], ...] = ((), ("--quick",))
COLUMNS = ("net", "lost: plan", "`--quick`", "more", "processor time: plan", "`--quick`", "of it")


class Hurried(NamedTuple):
    """A net planned in both ways.

    Attributes:
        net: The net.
        inputs: What calibrated it, in words.
        lost: What is lost with each plan: the whole one, and that in a hurry.
        processor: Seconds of processor time that each took.
    """

    net: JudgedNet
    inputs: str
    lost: Tuple[Losses, Losses]
    processor: Tuple[float, float]

    @property
    def share(self) -> float:
        """Processor time of the plan in a hurry, as a share of the other one's."""
        return self.processor[1] / self.processor[0]


def compare(bench: Bench, names: List[str]) -> Iterator[Hurried]:
    """Plan nets in both ways, carry the plans out, and judge what comes of them."""
    for net in NETS:
        if net.name in names:
            try:
                yield _compared(net, bench)
            except NotHereError as reason:
                say(f"{net.name}: {reason}")


def _compared(net: JudgedNet, bench: Bench) -> Hurried:
    title, *inputs = net.inputs(bench)
    folders, processor = [], []
    for more in WAYS:
        name = f"quick-{net.name}{len(more)}"
        pair = net.pair(bench)
        words = ["plan", *pair, *ASKED, *inputs, *more, "-o", "{out}/plan.yaml"]
        plan = Command(f"{name}-plan", " ".join(["plan", net.name, *map(str, more)]), words)
        processor.append(bench.measured(bench.ours, plan, quiet=False).processor)
        file = bench.folder(bench.ours, plan) / "plan.yaml"
        words = ["apply", file, *pair, "--no-cache", *inputs, "-o", "{out}"]
        made = Command(f"{name}-apply", f"{plan.title}, carried out", words)
        bench.measured(bench.ours, made, quiet=False)
        folders.append(bench.folder(bench.ours, made))
    whole, hurried = net.losses(bench, folders)
    return Hurried(net, str(title), (whole, hurried), (processor[0], processor[1]))


def markdown(found: List[Hurried]) -> str:
    """Return the table, and what is counted in it."""
    rows = []
    for one in found:
        more, error = more_lost(*one.lost)
        lost = [f"{losses.share:.2%}" for losses in one.lost]
        times = [seconds(processor) for processor in one.processor]
        told = f"{more * 100:+.2f} points ± {error * 100:.2f}"
        rows.append((one.net.name, *lost, told, *times, f"{one.share:.2f}"))
    notes = [f"- {one.net.name}: {one.net.lost}, calibrated by {one.inputs}." for one in found]
    return "\n".join([*table(COLUMNS, rows), "", *notes])
