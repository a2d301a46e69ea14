"""A pruned net as text: what is left of each layer, and what that did to the outputs."""

from __future__ import annotations

from typing import Callable, Iterator, Sequence

from netsurgery.jobs import Pruned
from netsurgery.pruning import LoopRound
from netsurgery.report.compression import read_back
from netsurgery.report.console import WORDS, print_table, print_text
from netsurgery.report.plan import left_lines
from netsurgery.report.quality import quality_lines
from netsurgery.report.training import learning_lines, print_history

_FACTS = {"sparsity": "zero", "channels": "channels", "macs": "MACs", "params": "parameters"}


def print_pruned(done: Pruned, flag: Callable[[str], str] = "`{}`".format) -> None:
    """Print the whole report.

    Args:
        done: What was done.
        flag: Names an argument of the library, in what there is to do.
    """
    if done.tuned is not None:
        for line in learning_lines(done.tuned):
            print_text(line)
    if len(done.rounds) > 1 or (done.rounds and not done.masks):
        _print_rounds(done.rounds)
    elif done.tuned is not None:
        print_history(done.tuned.trained.history)
    if done.masks:
        _print_layers(done)
    else:
        _print_costs(done)
        for line in left_lines(done.whole):
            print_text(line)
    for note in done.notes:
        print_text(f"note: {note}")
    for line in _proof_lines(done, flag):
        print_text(line)
    for path in done.files:
        print_text(f"written {path}")
    print_text(WORDS)


def _print_rounds(rounds: Sequence[LoopRound]) -> None:
    """Print a row for each round: what was closed, and the net before and after its tuning."""
    names = list(dict.fromkeys(name for one in rounds for name in one.best.judged.figures))
    facts = [name for name in _FACTS if name in rounds[0].facts]
    columns = ["round", *(f">{_FACTS[name]}" for name in facts)]
    columns += [">steps", ">loss before", ">after"]
    columns += [part for name in names for part in (f">{name} before", ">after")]
    rows = [
        [
            str(one.number),
            *(_fact(name, one.facts[name]) for name in facts),
            str(one.steps),
            *(f"{judged.loss:.4g}" for judged in (one.start.judged, one.best.judged)),
            *(
                f"{100 * judged.figures[name]:.2f}%"
                for name in names
                for judged in (one.start.judged, one.best.judged)
            ),
        ]
        for one in rounds
    ]
    print_table(columns, rows, title="On the inputs that stop each tuning, before and after it")


def _fact(name: str, value: float) -> str:
    return f"{100 * value:.2f}%" if name == "sparsity" else f"{value:,.0f}"


def _print_costs(done: Pruned) -> None:
    before, after = done.costs
    rows = [
        [what, f"{old:,}", f"{new:,}", f"{100 * new / old:.2f}%"]
        for what, old, new in (
            ("MACs", before.macs, after.macs),
            ("parameters", before.params, after.params),
        )
        if old and new
    ]
    print_table(["", ">before", ">after", ">left"], rows, title=f"Pruned by {done.method}")


def _print_layers(done: Pruned) -> None:
    rows = [
        [one.layer, f"{one.weights:,}", f"{one.left:,}", f"{100 * one.sparsity:.2f}%"]
        for one in done.layers
    ]
    weights, left = (sum(part) for part in zip(*((one.weights, one.left) for one in done.layers)))
    total = ["all", f"{weights:,}", f"{left:,}", f"{100 * (1 - left / weights):.2f}%"]
    print_table(
        ["layer", ">weights", ">left", ">zero"],
        rows,
        title=f"Pruned by {done.method}",
        last=total,
    )


def _proof_lines(done: Pruned, flag: Callable[[str], str]) -> Iterator[str]:
    if done.is_off and done.sparsity is not None:
        yield _share_line(done.sparsity, done.reached)
    if done.masks and not done.faults:
        yield "proved: read back, every weight that a mask closes is zero"
    yield read_back(done.written)
    if done.effect is not None:
        yield from quality_lines(done.effect.quality, flag)
    if done.unproven is not None:
        yield f"not run: {done.unproven}"
    for reason in done.failures:
        yield f"FAILED: {reason}"


def _share_line(asked: float, reached: float) -> str:
    """That another share was reached than is asked for, and why that can be."""
    why = (
        "more was zero before, or what goes together is large"
        if reached > asked
        else "no layer is emptied, and what goes together stays together"
    )
    return f"asked for {100 * asked:.6g}% zero, reached {100 * reached:.6g}%: {why}"
