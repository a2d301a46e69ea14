"""Where a benchmark works, on what model, and with what."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

from benchmarks.child import Run, run
from benchmarks.vgg16 import Vgg16
from netsurgery.engine import Engine, engine

ENGINES = ("caffe", "opencv")
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Figure:
    """What was measured: a table, what it says in a sentence or two, and the bare numbers."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str]
    numbers: dict[str, object]

    def markdown(self) -> str:
        """The figure as people read it."""
        lines = table(self.columns, self.rows)
        return "\n".join([f"## {self.title}", "", *lines, "", *self.notes])


@dataclass(frozen=True)
class Setting:
    """Where to work, and with what.

    Attributes:
        model: The model of the figures that need a large one.
        work: The folder for files.
        caffe_python: Real Caffe's Python.
        repeats: How often short measurements are repeated.
        zoo: The folder of trained models.
        pairs: Which of them: a pattern of the shell.
        tensorly_python: A Python with netsurgery and tensorly.
    """

    model: Vgg16
    work: Path
    caffe_python: Optional[str]
    repeats: int
    zoo: Path = Path("zoo")
    pairs: str = "*"
    tensorly_python: Optional[str] = None

    def file(self, name: str) -> Path:
        """The place of a file of this model's size in the folder."""
        return self.work / f"{self.model.scale}-{name}"

    def prototxt(self, name: str, text: str) -> Path:
        """A prototxt written into the folder."""
        path = self.file(f"{name}.prototxt")
        path.write_text(text)
        return path

    @property
    def weights(self) -> Path:
        """The model's weights, made if they are not there."""
        path = self.work / f"{self.model.name}.caffemodel"
        if not path.exists():
            say(f"making {path}")
            self.job("make", self.model.scale, int(self.model.falling), path)
        return path

    @property
    def ranks(self) -> list[str]:
        """The ranks to compress to, as ``layer=rank``."""
        return [f"{layer}={rank}" for layer, rank in self.model.ranks.items()]

    def engines(self) -> dict[str, Engine]:
        """The engines that are here, by name."""
        options = {"caffe": {"python": self.caffe_python} if self.caffe_python else {}}
        found = {name: engine(name, **options.get(name, {})) for name in ENGINES}
        return {name: runner for name, runner in found.items() if runner.probe().usable}

    def job(self, *words: object, python: Optional[str] = None) -> Run:
        """Run a job of jobs.py in a process of its own, by this Python or another."""
        return run([python or sys.executable, FOLDER / "jobs.py", *words])

    def compress(self) -> tuple[Run, Path]:
        """Compress the model with netsurgery; the child that did, and the weights it wrote."""
        prototxt = self.prototxt("deploy", self.model.deploy())
        folder = self.file("netsurgery")
        done = self.job("compress", prototxt, self.weights, folder, *self.ranks)
        return done, folder / self.weights.name


def say(text: str) -> None:
    """Tell the user what is going on; standard output is for results."""
    print(f"benchmark: {text}", file=sys.stderr, flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    widths = [max(map(len, column)) for column in zip(columns, *rows)]
    lines = [_line(columns, widths), _line(["-" * width for width in widths], widths)]
    return [*lines, *(_line(row, widths) for row in rows)]


def put_in(document: str, name: str, text: str) -> str:
    """Return a document with a section made anew between its two marks, or at its end.

    Args:
        document: What there was.
        name: Of the section.
        text: What it says.
    """
    start, end = f"<!-- made: {name} -->", f"<!-- end: {name} -->"
    block = f"{start}\n\n{text.strip()}\n\n{end}"
    if start not in document:
        return f"{document.rstrip()}\n\n{block}\n".lstrip()
    before, rest = document.split(start, 1)
    return before + block + rest.split(end, 1)[1]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths))} |"
