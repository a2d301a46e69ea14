"""Figure 2: opening a model, replacing one blob and writing it, beside a copy of the file."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.child import megabytes
from benchmarks.setting import Figure, Setting, say

LAYER = "fc8"


def measure(setting: Setting) -> Figure:
    """Alternate ``cp`` and netsurgery, and compare their medians."""
    weights = setting.weights
    say(f"replacing a blob, {setting.repeats} times")
    output = setting.file("rewritten.caffemodel")
    copies, rewrites, runs = [], [], []
    for _ in range(setting.repeats):
        copies.append(_copy(weights, output))
        output.unlink()
        runs.append(setting.job("replace", weights, output, LAYER))
        rewrites.append(runs[-1].answer["seconds"])
        output.unlink()
    copy, rewrite = statistics.median(copies), statistics.median(rewrites)
    whole = statistics.median(done.seconds for done in runs)
    own = max((done.own or 0 for done in runs), default=0)
    resident = max((done.resident or 0 for done in runs), default=0)
    opened = statistics.median(done.answer["open"] for done in runs)
    rows = [
        ("cp", _seconds(copies), "1.00", "", ""),
        (
            f"open, replace {LAYER}'s weights, write",
            _seconds(rewrites),
            f"{rewrite / copy:.2f}",
            megabytes(own),
            megabytes(resident),
        ),
    ]
    columns = ("", "time: median (least to most)", "ratio", "peak memory of its own", "resident")
    notes = [
        f"**{rewrite / copy:.2f} times cp.** Of it opening: {opened * 1000:.1f} ms. "
        f"The whole process with Python's start and imports: {whole:.2f} s. "
        "Memory of its own is what is not a mapping of a file."
    ]
    numbers = {"cp": copies, "rewrite": rewrites, "open": opened, "own": own, "resident": resident}
    title = f"Changing one blob of a model of {megabytes(weights.stat().st_size)}"
    return Figure(title, columns, rows, notes, numbers)


def _copy(source: Path, target: Path) -> float:
    start = time.perf_counter()
    # A reflink would copy nothing.
    subprocess.run(["cp", "--reflink=never", source, target], check=True)
    return time.perf_counter() - start


def _seconds(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"
