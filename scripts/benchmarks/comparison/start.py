"""How long the command line takes to start."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

from benchmarks.comparison.bench import Bench, Command, Row, seconds

MINUTES = 0.5
MOST_SECONDS, MOST_PROCESSOR = 0.15, 0.35
DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"
TURNS = 11


def measure(bench: Bench) -> Iterator[Row]:
    """Ask for help and look at a small net, some times."""
    net = DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel"
    for name, words in (("--help", ["--help"]), ("inspect of a small net", ["inspect", *net])):
        command = Command(f"start-{words[0]}", name, words)
        ours, theirs = bench.both(command, turns=TURNS)
        fine = ours.seconds < MOST_SECONDS and ours.processor < MOST_PROCESSOR
        yield Row(
            f"{name}: time, processor time",
            f"{seconds(theirs.seconds)}, {seconds(theirs.processor)}",
            f"{seconds(ours.seconds)}, {seconds(ours.processor)}",
            f"{theirs.seconds / ours.seconds:.1f} times faster",
            f"under {MOST_SECONDS:g} s, {MOST_PROCESSOR:g} s",
            fine,
            f"{name}: medians of {TURNS}.",
        )
        yield bench.beside_others(command, ours, TURNS)
