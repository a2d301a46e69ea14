"""Two builds side by side: the rows of a table, and whether they say what was asked."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Iterable, Iterator, List, Sequence

from benchmarks.comparison.bench import Bench, Job, NotHereError, Row
from benchmarks.setting import say, table

JOBS = ("start", "in_place", "thin", "ultraface", "compress_net", "vgg16", "losses")
"""The files of `benchmarks.comparison`, short ones first."""
COLUMNS = ("job", "{theirs}", "{ours}", "ratio", "asked", "reached")
NOTHING = ""
"""Said of a row of which nothing is asked."""
WORDS = {True: "yes", False: "**no**", None: "not measured"}


@dataclass(frozen=True)
class Table:
    """What came of it.

    Attributes:
        rows: The lines.
        theirs: What the other build is called.
        ours: What this one is.
    """

    rows: Sequence[Row]
    theirs: str
    ours: str

    @property
    def reached(self) -> bool:
        """Whether nothing that was measured falls short, and something was."""
        found = [row.reached for row in self.rows if row.reached is not None]
        return bool(found) and all(found)

    def markdown(self) -> str:
        """The table as people read it, and notes below."""
        columns = [one.format(theirs=self.theirs, ours=self.ours) for one in COLUMNS]
        lines = table(columns, [(*row[:5], verdict(row)) for row in self.rows])
        return "\n".join([*lines, "", self.summary, "", *(f"- {note}" for note in self.notes)])

    @property
    def summary(self) -> str:
        """How much is reached, in a line."""
        measured = [row for row in self.rows if row.reached is not None]
        reached = sum(bool(row.reached) for row in measured)
        text = f"**{reached} of {len(measured)} reached"
        left = sum(verdict(row) != NOTHING for row in self.rows) - len(measured)
        return f"{text}, {left} not measured.**" if left else f"{text}.**"

    @property
    def notes(self) -> List[str]:
        """What there is to say below."""
        return [row.note for row in self.rows if row.note]


def verdict(row: Row) -> str:
    """Return whether it is reached, in words."""
    return WORDS[row.reached] if row.asked else NOTHING


def job_named(name: str) -> Job:
    """Return the file of that name."""
    return importlib.import_module(f"benchmarks.comparison.{name}")  # type: ignore[return-value]


def duration(names: Iterable[str]) -> float:
    """Return about how many minutes jobs take, if nothing is known of them."""
    return sum(job_named(name).MINUTES for name in names)


def compare(bench: Bench, names: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of jobs as they are there."""
    for name in names:
        try:
            yield from job_named(name).measure(bench)
        except NotHereError as reason:
            say(f"{name}: skipped, as {reason}")
            yield Row(name, "", "", "", "all of it", None, f"{name}: skipped, as {reason}.")
