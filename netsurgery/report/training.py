"""A run of training as text: what was learned, how it went, and what it gained."""

from __future__ import annotations

from typing import Callable, Iterator, List, Mapping, Sequence

import click

from netsurgery.jobs import Finetuned, figures_after, figures_before
from netsurgery.network import sparsity_of
from netsurgery.report.compression import read_back
from netsurgery.report.console import WORDS, print_table, print_text
from netsurgery.report.quality import quality_lines
from netsurgery.training import History, Tuned, Validation

_MOST_ROWS = 12
_ENDS = {
    "patience": "stopped, as nothing was gained any more",
    "steps": "all steps were done",
}


def print_finetuned(done: Finetuned, flag: Callable[[str], str] = "`{}`".format) -> None:
    """Print the whole report.

    Args:
        done: What was done.
        flag: Names an argument of the library, in what there is to do.
    """
    for line in learning_lines(done.tuned):
        print_text(line)
    if done.masks:
        print_text(f"masks: {100 * sparsity_of(done.masks):.2f}% of the weights are held at zero")
    print_history(done.tuned.trained.history)
    for line in _end(done):
        print_text(line)
    print_text(f"{told_inputs(done)}:")
    print_table(["", ">before", ">after"], figure_rows(done))
    for line in (*_verdict(done, flag), *_files(done)):
        click.echo(line)
    click.echo(WORDS)


def learning_lines(tuned: Tuned) -> Iterator[str]:
    """Yield what was learned from what, and how."""
    solver, parts = tuned.solver, tuned.split
    yield (
        f"trained on {len(parts.train)} inputs, {len(parts.stop)} aside to stop by; "
        f"{solver.type}, rate {solver.base_lr:g} ({tuned.why_rate}), batches of {tuned.batch}"
    )
    if tuned.settings.frozen:
        yield f"left as they are: {', '.join(tuned.settings.frozen)}"
    for note in tuned.notes:
        yield f"note: {note}"


def print_history(history: History) -> None:
    """Print a row for each of some validations, evenly chosen where there are many."""
    names = list(dict.fromkeys(name for one in history for name in one.judged.figures))
    columns = [">step", ">loss, training", ">loss, aside", *(f">{name}, aside" for name in names)]
    rows = [
        [
            str(one.iteration),
            "-" if one.training_loss is None else f"{one.training_loss:.4g}",
            f"{one.judged.loss:.4g}",
            *(f"{100 * one.judged.figures[name]:.2f}%" for name in names),
            _mark(one, history),
        ]
        for one in shown(history)
    ]
    print_table([*columns, ""], rows)


def shown(history: Sequence[Validation], most: int = _MOST_ROWS) -> List[Validation]:
    """Return some validations, evenly chosen: the first, the best and the last among them.

    Args:
        history: All.
        most: About how many.
    """
    last = len(history) - 1
    places = {round(place * last / (most - 1)) for place in range(most)} if last else {0}
    places |= {max((i for i, one in enumerate(history) if one.is_best), default=0)}
    return [history[place] for place in sorted(places)]


def _mark(one: Validation, history: Sequence[Validation]) -> str:
    best = [other for other in history if other.is_best]
    return "the best" if best and one is best[-1] else "" if one.counts else "not settled yet"


def _end(done: Finetuned) -> Iterator[str]:
    trained = done.tuned.trained
    gone_on = "" if trained.resumed_from is None else f", went on from {trained.resumed_from}"
    yield f"{trained.iteration} steps{gone_on}: {_ENDS[trained.stopped]}"
    if not done.gained:
        yield "nothing was gained on the inputs kept aside: the net is what came in"


def told_inputs(done: Finetuned) -> str:
    """Return what the report is on, in words."""
    told = f"On {done.after.samples} inputs that were not trained on"
    return f"{told}, which also stopped the run" if done.tuned.split.is_shared else told


def figure_rows(done: Finetuned) -> List[List[str]]:
    """Return a row for each figure of the net before and after: its name, and both values."""
    before, after = figures_before(done), figures_after(done)
    numbers = {one.name for one in done.truths if not one.is_share}
    judged = (done.after, *(() if done.before is None else (done.before,)))
    limits = {
        figure.limits.figure: figure.limits
        for found in judged
        for output in found.quality.outputs
        for figure in output.figures
    }

    def told(name: str, figures: Mapping[str, float]) -> str:
        if name not in figures:
            return "-"
        if name in numbers:
            return f"{figures[name]:.4g}"
        known = limits.get(name.partition(" of ")[0])
        return _percent(figures[name]) if known is None else known.told(figures[name])

    names = dict.fromkeys((*before, *after))
    return [[name, told(name, before), told(name, after)] for name in names]


def _percent(value: float) -> str:
    return f"{100 * value:.4g}%"


def _verdict(done: Finetuned, flag: Callable[[str], str]) -> Iterator[str]:
    if done.taught:
        headline, *lines = quality_lines(done.quality, flag)
        yield headline.partition(";")[0]  # a loss needs no leave: the net is written all the same
        yield from lines
    for reason in done.failures:
        yield f"FAILED: {reason}"
    yield read_back(done.written)


def _files(done: Finetuned) -> Iterator[str]:
    for path in done.files:
        yield f"written {path}"
