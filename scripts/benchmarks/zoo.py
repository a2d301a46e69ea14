"""What the figures of the zoo share: its models, two nets timed in turn, results that are kept."""

from __future__ import annotations

import fnmatch
import json
import statistics
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from zoo_pairs import Pair, find_pairs

import netsurgery as ns
from benchmarks.setting import Figure, Setting, say
from netsurgery.budgets.stopwatch import inputs_of, least_seconds, open_as_it_is
from netsurgery.engines import Engine

TURNS = 5
SPAN = 0.1
"""Seconds of a turn."""
PAUSE = 0.05
"""Seconds in which the threads of the net before come to rest: they wait for work awake."""

Found = dict[str, Any]
Row = tuple[str, str, Found]
Measure = Callable[[ns.Model, Engine], Found]


class Times(NamedTuple):
    """Seconds of a forward pass of two nets."""

    before: float
    after: float

    @property
    def ratio(self) -> float:
        """How many times quicker the second is."""
        return self.before / self.after


def in_turn(engine: Engine, before: ns.Model, after: ns.Model) -> Times:
    """Time two nets in turn, so that what else goes on meets both.

    Returns:
        The medians over the turns of the least seconds of each turn.
    """
    inputs = inputs_of(before)
    turns: tuple[list[float], list[float]] = ([], [])
    with open_as_it_is(engine, before) as first, open_as_it_is(engine, after) as second:
        for _ in range(TURNS):
            for session, seconds in zip((first, second), turns):
                time.sleep(PAUSE)
                seconds.append(least_seconds(session, inputs, SPAN))
    return Times(*map(statistics.median, turns))


def every_pair(setting: Setting, figure: str, measure: Measure) -> Iterator[Row]:
    """Measure every model of the zoo in every engine; yield its name, the engine, what was found.

    What was found is kept in the folder of the setting, and not measured again. Where a model or
    an engine refuses, it is a ``problem``.
    """
    notes = setting.work / f"{figure}.json"
    known: dict[str, Found] = json.loads(notes.read_text()) if notes.exists() else {}
    engines = setting.engines()
    pairs = [pair for pair in find_pairs(setting.zoo) if fnmatch.fnmatch(pair.name, setting.pairs)]
    for pair in pairs:
        for name, engine in engines.items():
            key = f"{pair.name} {name}"
            if key not in known:
                say(f"{figure}: {pair.name} in {name}")
                known[key] = _measured(pair, engine, measure)
                notes.write_text(json.dumps(known, indent=1))
            yield pair.name, name, known[key]


def figure_of(
    found: Sequence[Row],
    title: str,
    columns: Mapping[str, Callable[[Found], str]],
    summary: Callable[[Sequence[Row]], str],
    refused: str,
) -> Figure:
    """Return the table of what was found of every model in every engine.

    Args:
        found: What `every_pair` yields.
        title: Of the table.
        columns: What comes behind the MACs and both times, by its heading.
        summary: Called with what could be measured; says it in a line.
        refused: Heads the list of what could not.
    """
    measured = [row for row in found if "problem" not in row[2]]
    rows = [
        (
            *(pair, engine, f"{one['macs']:.2f}"),
            *(f"{one[name] * 1000:,.3f} ms" for name in ("before", "after")),
            *(text(one) for text in columns.values()),
        )
        for pair, engine, one in measured
    ]
    notes = [summary(measured)]
    problems = [
        f"- {pair} in {engine}: {one['problem']}" for pair, engine, one in found if "problem" in one
    ]
    if problems:
        notes += [refused, *problems]
    numbers = {f"{pair} {engine}": one for pair, engine, one in found}
    heading = ("weights", "engine", "fewer MACs", "original", "compressed", *columns)
    return Figure(title, heading, rows, notes, numbers)


def _measured(pair: Pair, engine: Engine, measure: Measure) -> Found:
    try:
        return measure(ns.load(*pair), engine)
    except ns.NetsurgeryError as error:
        return {"problem": str(error).replace(f"{pair.prototxt.parent}{Path('/')}", "")}
