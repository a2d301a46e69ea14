"""Run the commands that README.md and docs/ show, and put in what they print now.

python scripts/documents/outputs.py [PAGE ...]

A ``console`` block holds commands behind ``$`` and what they print; a line of three dots stands for
lines that are left out. The blocks of a page run one after the other in one empty folder, beside
examples/. `tests/docs` holds what is shown to what is printed.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"^[-<]?[\d,]*\.?\d+(e[+-]?\d+)?[%x]?$")
LEFT_OUT = "..."
_PARTS = re.compile(rf"^{re.escape(LEFT_OUT)}$", re.MULTILINE)


class Shown(NamedTuple):
    """A command of a page.

    Attributes:
        command: What is typed, on one line or on several that end in a backslash.
        output: What the page says that it prints.
    """

    command: str
    output: str


class Printed(NamedTuple):
    """What a command printed, and its exit status."""

    text: str
    status: int


def pages_with_output() -> List[Path]:
    """Return README.md and the pages of docs/ that show commands with what they print."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if BLOCK.search(page.read_text(encoding="utf-8"))]


def shown_in(block: str) -> Iterator[Shown]:
    """Yield the commands of a block."""
    lines = block.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        last = start
        while lines[last].endswith("\\"):
            last += 1
        command = "\n".join(lines[start : last + 1])[2:]
        yield Shown(command, "\n".join(lines[last + 1 : end]).strip("\n"))


class Terminal:
    """Runs the commands of a page, each in a shell of its own, in one folder.

    Args:
        folder: An empty folder.
        tools: Another one, for what stands for `netsurgery` and `python`.
        caffe_python: An interpreter that has real Caffe.
    """

    def __init__(self, folder: Path, tools: Path, caffe_python: str) -> None:
        self.folder, self.status = folder, 0
        # A copy, as the example's data may be written there anew.
        made = shutil.ignore_patterns("__pycache__", "*.h5", "*.txt", "*_iter_*")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=made)
        for name, start in (("netsurgery", "-m netsurgery"), ("python", "")):
            wrapper = tools / name
            wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n')
            wrapper.chmod(0o755)
        self._environment: Dict[str, str] = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "NETSURGERY_CAFFE_PYTHON": caffe_python,
            "COLUMNS": "200",
        }

    def run(self, command: str) -> Printed:
        """Run a command; what it says on standard error counts where it could not run."""
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status})\n{command}"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        self.status = done.returncode
        said = done.stdout + (done.stderr if done.returncode > 1 else "")
        text = "\n".join(line.rstrip() for line in said.splitlines())
        return Printed(text.strip("\n"), done.returncode)


def difference(shown: str, printed: str) -> Optional[str]:
    """Return where what a page shows is not what was printed, or None.

    Words are compared, and numbers to 2%: float noise and BLAS may move their last digits.
    """
    words, place = _words(printed), 0
    parts = _PARTS.split(shown)
    for number, part in enumerate(map(_words, parts)):
        starts = range(place, len(words) - len(part) + 1)
        if number == 0:
            starts = starts[:1]
        elif number == len(parts) - 1:
            starts = starts[-1:]
        found = next((at for at in starts if _same_words(part, words[at:])), None)
        if found is None:
            return f"shown: {' '.join(part)}\nprinted: {' '.join(words[place:])}"
        place = found + len(part)
    return None if place == len(words) or len(parts) > 1 else f"not shown: {words[place:]}"


def _words(text: str) -> List[str]:
    return [word.strip("();:,") for word in text.split()]


def _same_words(shown: List[str], printed: List[str]) -> bool:
    return len(shown) <= len(printed) and all(map(_same, shown, printed))


def _same(shown: str, printed: str) -> bool:
    if not (NUMBER.match(shown) and NUMBER.match(printed)):
        return shown == printed
    a, b = (float(word.replace(",", "").strip("<%x")) for word in (shown, printed))
    return math.isclose(a, b, rel_tol=0.02) or max(abs(a), abs(b)) < 1e-4


def renewed(shown: str, printed: str) -> str:
    """Return what a page shows, with the lines that were printed, as many as it showed."""
    parts = [part.strip("\n").splitlines() for part in _PARTS.split(shown)]
    lines = printed.splitlines()
    if len(parts) == 1:
        return printed
    found, place = [], 0
    for number, part in enumerate(parts):
        if number == len(parts) - 1:
            place = len(lines) - len(part)
        elif number and part:
            # Where nothing is like it the page keeps what it shows, and its test fails.
            kinds = (at for at in range(place, len(lines)) if _kind(lines[at]) == _kind(part[0]))
            place = next(kinds, len(lines))
        found.append("\n".join(lines[place : place + len(part)] or part))
        place += len(part)
    return f"\n{LEFT_OUT}\n".join(found).strip("\n")


def _kind(line: str) -> List[str]:
    return [word for word in _words(line) if not NUMBER.match(word)]


def renew(page: Path, caffe_python: str) -> None:
    """Write a page with what its commands print now."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as tools:
        terminal = Terminal(Path(folder), Path(tools), caffe_python)

        def block(match: re.Match) -> str:
            done = []
            for command, output in shown_in(match[0]):
                text = renewed(output, terminal.run(command).text)
                done.append(f"$ {command}\n{text}".rstrip())
            return "\n\n".join(done) + "\n"

        before = page.read_text(encoding="utf-8")
        page.write_text(BLOCK.sub(block, before), encoding="utf-8")


def main() -> int:
    caffe_python = os.environ.get("NETSURGERY_CAFFE_PYTHON", "")
    if not caffe_python:
        print("outputs: set NETSURGERY_CAFFE_PYTHON, as pages show real Caffe", file=sys.stderr)
        return 2
    for page in [Path(name).resolve() for name in sys.argv[1:]] or pages_with_output():
        print(page.relative_to(ROOT), file=sys.stderr)
        renew(page, caffe_python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
