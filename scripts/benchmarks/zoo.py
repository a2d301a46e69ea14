"""What the figures of the zoo share: its models, and results that are kept."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

from zoo_pairs import Pair, find_pairs

import netsurgery as ns
from benchmarks.setting import Figure, Setting, say
from netsurgery.engine import Engine

Found = dict[str, Any]
Row = tuple[str, str, Found]
Measure = Callable[[ns.Model, Engine], Found]


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
