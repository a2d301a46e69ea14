"""A calibrated plan of UltraFace with 20 photos, carried out and proved."""

from __future__ import annotations

from typing import Iterator

from benchmarks.comparison.bench import Bench, Row, faster
from benchmarks.comparison.judged_nets import net_named

MINUTES = 5.0
WANTED = 10.0


def measure(bench: Bench) -> Iterator[Row]:
    """Time it; the other build too is left to end, as what it lost is wanted (`losses`)."""
    command = net_named("ultraface").command(bench)
    ours, theirs = bench.both(command)
    yield faster(command, ours, theirs, WANTED)
    yield bench.beside_others(command, ours)
