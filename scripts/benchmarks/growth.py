"""How the time and the memory of a plan grow with the net and with what calibrates it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, NamedTuple, Sequence, Tuple

import numpy as np
from kept import Kept

from benchmarks import machine
from benchmarks.seeded import chain_of_convolutions, chain_of_products, write_pair
from benchmarks.setting import Setting, say, table
from benchmarks.sides import Side, environment
from benchmarks.watching import watch

Words = List[object]
ALLOWANCE = 0.3
"""What an exponent may be above the one that must be: caches grow too small, memory is sampled."""
FLAT = 0.15
"""A figure that grows by no more than this share of its least does not grow."""
COLUMNS = ("plan against", "from", "to", "time", "exponent", "memory", "exponent", "as it must be")


class Point(NamedTuple):
    """What a plan took.

    Attributes:
        size: Of what grows.
        seconds: Processor time, BLAS on one thread.
        bytes: Peak memory of all processes.
    """

    size: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Curve:
    """A series of plans that differ in one size.

    Attributes:
        name: Of its plot.
        axis: What grows, in words.
        sizes: The sizes; those beyond the patience of `grow` are left out.
        words: What follows ``netsurgery plan`` for a size; makes the files in the folder given.
        time: The exponent that the time must have.
        memory: The exponent that the memory must have.
        why: Why it must.
    """

    name: str
    axis: str
    sizes: Sequence[int]
    words: Callable[[Path, int], Words]
    time: float
    memory: float
    why: str


@dataclass(frozen=True)
class Grown:
    """A curve with what was measured."""

    curve: Curve
    points: Sequence[Point]

    @property
    def exponents(self) -> Tuple[float, float]:
        """Of time and of memory."""
        sizes = [point.size for point in self.points]
        seconds, bytes_ = ([point[index] for point in self.points] for index in (1, 2))
        return exponent(sizes, seconds), exponent(sizes, bytes_)

    @property
    def as_it_must(self) -> bool:
        """Whether neither grows faster than it must."""
        allowed = self.curve.time + ALLOWANCE, self.curve.memory + ALLOWANCE
        return all(found <= most for found, most in zip(self.exponents, allowed))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of what values have above their first, over sizes, both as logarithms.

    The first value is what a plan takes whose size does not matter yet: the start of Python and of
    an engine. Least squares through the upper half of the points, where what grows fastest shows.

    Returns:
        The exponent; 0 where the values hardly grow.
    """
    above = np.asarray(values[1:], float) - values[0]
    if len(values) < 3 or above.max() <= FLAT * values[0]:
        return 0.0
    upper = slice(min(len(above) // 2, len(above) - 2), None)
    chosen = np.asarray(sizes[1:], float)[upper], above[upper]
    grown = chosen[1] > 0
    if grown.sum() < 2:
        return 0.0
    return float(np.polyfit(*(np.log(one[grown]) for one in chosen), 1)[0])


def _made(folder: Path, name: str, text: bytes) -> Words:
    pair = folder / f"{name}.prototxt", folder / f"{name}.caffemodel"
    if not all(file.exists() for file in pair):
        write_pair(text, *pair)
    return [*pair, "--macs", "0.5"]


def _inputs(folder: Path, count: int, *shape: int) -> Words:
    file = folder / f"{'-'.join(map(str, (count, *shape)))}.npz"
    if not file.exists():
        random = np.random.default_rng(0)
        np.savez(file, data=random.standard_normal((count, *shape), np.float32))
    return ["--calibrate", file, "--no-cache"]


def _layers(folder: Path, size: int) -> Words:
    return _made(folder, f"layers-{size}", chain_of_convolutions(size, 16, 8))


def _tried_layers(folder: Path, size: int) -> Words:
    return [*_layers(folder, size), *_inputs(folder, 8, 3, 8, 8)]


def _many_inputs(folder: Path, size: int) -> Words:
    net = _made(folder, "four-layers", chain_of_convolutions(4, 16, 16))
    return [*net, *_inputs(folder, size, 3, 16, 16)]


def _width(folder: Path, size: int) -> Words:
    return _made(folder, f"width-{size}", chain_of_products(2, size))


def _tried_width(folder: Path, size: int) -> Words:
    return [*_width(folder, size), *_inputs(folder, 64, size)]


CURVES = (
    Curve(
        *("layers", "layers, by the weights alone", (10, 18, 32, 56, 100, 178, 316, 562, 1000)),
        *(_layers, 1, 1),
        "each layer is looked at once",
    ),
    Curve(
        *("layers-calibrated", "layers, 8 inputs", (10, 18, 32, 56, 100, 178, 316, 562, 1000)),
        *(_tried_layers, 2, 1),
        "the cut of each layer is tried with all layers behind it fitted",
    ),
    Curve(
        *("inputs", "inputs", (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)),
        *(_many_inputs, 1, 1),
        "each input is run, and those of an .npz are held",
    ),
    Curve(
        *("width", "width of InnerProduct layers", (64, 128, 256, 512, 1024, 2048, 4096)),
        *(_width, 3, 2),
        "a spectrum takes the cube of the width, weights take its square",
    ),
    Curve(
        *("width-calibrated", "width, 64 inputs", (64, 128, 256, 512, 1024, 2048, 4096)),
        *(_tried_width, 3, 2),
        "so do the fits of a layer",
    ),
)
NAMES = tuple(curve.name for curve in CURVES)


def grow(curve: Curve, setting: Setting, side: Side, kept: Kept, patience: float) -> Grown:
    """Measure a curve, up to the first point that takes longer than ``patience`` seconds.

    Args:
        curve: What grows.
        setting: The folder to work in, and real Caffe.
        side: The build.
        kept: What is known of it already.
        patience: Seconds of processor time; a larger size would take longer still.
    """
    folder = setting.work / "growth"
    folder.mkdir(parents=True, exist_ok=True)
    points: List[Point] = []
    for size in curve.sizes:
        key = ["growth", side.digest, curve.name, size, machine.fingerprint()]
        found = kept.get(key)
        if found is None:
            say(f"growth: {curve.axis}: {size}")
            found = list(_point(curve, setting, side, folder, size))
            kept.add(key, found)
        points.append(Point(size, *found))
        if points[-1].seconds > patience:
            break
    return Grown(curve, points)


def _point(
    curve: Curve, setting: Setting, side: Side, folder: Path, size: int
) -> Tuple[float, int]:
    """Processor time and peak memory of a plan."""
    words = ["plan", *curve.words(folder, size), "-o", folder / "plan.yaml"]
    variables = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if setting.caffe_python:
        variables["NETSURGERY_CAFFE_PYTHON"] = setting.caffe_python
    done = watch([side.program, *words], environment(**variables))
    if done.status:
        text = f"netsurgery {' '.join(map(str, words))} failed"
        raise SystemExit(f"benchmark: {text}:\n{done.errors[-2000:]}")
    return done.processor, done.memory.tree


def markdown(found: Sequence[Grown], pictures: str) -> str:
    """Return the table of exponents, and the plots.

    Args:
        found: The curves.
        pictures: Where the plots are, as a page refers to them.
    """
    rows = []
    for grown in found:
        first, last = grown.points[0], grown.points[-1]
        time, memory = grown.exponents
        must = f"{grown.curve.time:g} and {grown.curve.memory:g}: {grown.curve.why}"
        rows.append(
            (
                *(grown.curve.axis, f"{first.size:,}", f"{last.size:,}"),
                *(f"{first.seconds:.1f} to {last.seconds:.1f} s", f"{time:.2f}"),
                *(f"{first.bytes / 1e6:,.0f} to {last.bytes / 1e6:,.0f} MB", f"{memory:.2f}"),
                must if grown.as_it_must else f"**faster than {must}**",
            )
        )
    plots = [
        f"![time and memory of a plan against {grown.curve.axis}]"
        f"({pictures}/growth-{grown.curve.name}.svg)"
        for grown in found
    ]
    return "\n".join([*table(COLUMNS, rows), "", *plots])
