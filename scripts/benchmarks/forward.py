"""Figure 3: the forward time of VGG16's InnerProduct layers, full and compressed."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np

from benchmarks.setting import ENGINES, Figure, Setting, say
from netsurgery.engine import Engine

ROWS = (1, 300, 2000)
COLUMNS = ("engine", "rows", "full", "compressed", "full / compressed", "the same in MACs")


def measure(setting: Setting) -> Figure:
    """Time both nets in every engine that is here, for each number of rows."""
    model = setting.model
    _, thin_weights = setting.compress()
    full = setting.prototxt("head", model.head()), setting.weights
    thin = setting.prototxt("head-svd", model.head(compressed=True)), thin_weights
    macs = model.macs() / model.macs(compressed=True)
    rows: list[tuple[str, ...]] = []
    numbers: dict[str, object] = {"macs": macs}
    engines = setting.engines()
    for name, runner in engines.items():
        say(f"timing {name}")
        before, after = (_times(runner, pair, setting.repeats) for pair in (full, thin))
        numbers[name] = {"full": before, "compressed": after}
        rows += [
            (name, str(count), _short(old), _short(new), f"{old / new:.2f}", f"{macs:.2f}")
            for count, old, new in zip(ROWS, before.values(), after.values())
        ]
    notes = [
        "Medians. A row is the input of fc6 for one image, or for one region of a detector.",
        *(f"No {name} here." for name in ENGINES if name not in engines),
    ]
    return Figure("Forward time of fc6, fc7 and fc8", COLUMNS, rows, notes, numbers)


def _times(runner: Engine, pair: tuple[Path, Path], repeats: int) -> dict[int, float]:
    """Median seconds for each number of rows."""
    found = {}
    with runner.open(*pair) as session:
        ((name, shape),) = session.inputs.items()
        for count in ROWS:
            generator = np.random.default_rng(count)
            rows = np.maximum(generator.standard_normal((count, *shape[1:]), np.float32), 0)
            found[count] = statistics.median(session.time(repeats, {name: rows}))
    return found


def _short(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"
