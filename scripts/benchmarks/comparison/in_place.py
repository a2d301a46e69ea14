"""Inspecting a net of thousands of layers that work in place."""

from __future__ import annotations

from typing import Iterator

from benchmarks.comparison.bench import Bench, Command, Row, seconds
from benchmarks.seeded import layers_in_place

MINUTES = 1.5
LAYERS = 5000
MOST_SECONDS, MOST_TIMES = 2.0, 2.2
PATIENCE = 20.0


def measure(bench: Bench) -> Iterator[Row]:
    """Take its processor time, and that of twice as many layers."""
    count = LAYERS // bench.setting.model.scale
    few, many = _command(bench, count), _command(bench, 2 * count)
    ours, theirs = bench.both(few, PATIENCE)
    twice = bench.measured(bench.ours, many)
    less = f"{theirs.processor / ours.processor:.1f} times less"
    yield Row(
        few.title,
        f"{'more than ' if theirs.stopped else ''}{seconds(theirs.processor)} of processor time",
        f"{seconds(ours.processor)} of processor time",
        f"at least {less}" if theirs.stopped else less,
        f"under {MOST_SECONDS:g} s",
        ours.processor < MOST_SECONDS,
    )
    times = twice.processor / ours.processor
    yield Row(
        f"the same, {2 * count:,} layers",
        f"{seconds(ours.processor)} for {count:,}",
        f"{seconds(twice.processor)} of processor time",
        f"{times:.2f} times as long",
        f"about twice as long (at most {MOST_TIMES:g} times)",
        times <= MOST_TIMES,
    )
    yield bench.beside_others(few, ours)


def _command(bench: Bench, count: int) -> Command:
    file = bench.setting.work / f"{count}-in-place.prototxt"
    file.write_bytes(layers_in_place(count))
    title = f"inspect, {count:,} in-place layers"
    return Command(f"inspect-{count}", title, ["inspect", file, "--json"])
