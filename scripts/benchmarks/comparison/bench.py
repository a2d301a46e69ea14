"""Where two builds are measured beside each other, and the rows that come of it."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Iterator, NamedTuple, Optional, Protocol, Sequence

from kept import Kept

from benchmarks import machine
from benchmarks.setting import Setting, say
from benchmarks.sides import Side, environment
from benchmarks.watching import busy_cores, watch

FINE = (0, 1)
"""What a command ends with that did what it was asked: 1 says that the net got worse."""
NOISE = 0.1
"""Share of the machine that others may take while a figure is made that is used again."""
BESIDE_OTHERS = 2.5
"""Times of its idle time that a job may take with another process on each core."""

LATER = ("--accept-loss",)
"""Flags that earlier builds lack and do without: they tell an exit status, which does not count."""


class NotHereError(Exception):
    """Something that a job is measured on is not on this machine."""


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        job: What was done.
        theirs: What the other build, or the peer, took or lost.
        ours: What this one did.
        ratio: Of the two, in words.
        asked: What it should be.
        reached: Whether it is; None where that could not be found out.
        note: More, for below the table.
    """

    job: str
    theirs: str
    ours: str
    ratio: str
    asked: str
    reached: Optional[bool]
    note: str = ""


class Command(NamedTuple):
    """A command line that is measured.

    Attributes:
        name: Of its results among those that are kept, and of its folder.
        title: In the table.
        words: After ``netsurgery``; ``{out}`` in them stands for the folder it writes into.
    """

    name: str
    title: str
    words: Sequence[object]


@dataclass(frozen=True)
class Measured:
    """What a command took; see `benchmarks.watching.Watched`.

    Attributes:
        seconds: From its start to its end; to the limit where it was stopped.
        processor: Processor time.
        largest: Peak of the resident memory of its largest process, in bytes.
        tree: Peak of the memory of all its processes.
        others: Share of the machine that other processes took.
        stopped: It was stopped at the limit.
    """

    seconds: float
    processor: float
    largest: int
    tree: int
    others: float
    stopped: bool = False

    @property
    def time(self) -> str:
        """Its time for a table."""
        return f"more than {self.seconds:,.0f} s" if self.stopped else seconds(self.seconds)


class Job(Protocol):
    """A file of this folder."""

    MINUTES: float
    """About how long it takes on two cores, both builds together."""

    def measure(self, bench: Bench) -> Iterator[Row]:
        """Measure, and yield rows as they are there."""


@dataclass(frozen=True)
class Bench:
    """Two builds, and where and how to measure them.

    Attributes:
        ours: The build that is to be quicker.
        theirs: The other one.
        setting: The model, the folder to work in, the zoo, real Caffe.
        data: The folder of labelled images and photos.
        prototxts: An archive of prototxts.
        patience: Times of what is asked that the other build may take before it is stopped.
        noisy: Use kept times also where other processes took much of the machine.
    """

    ours: Side
    theirs: Side
    setting: Setting
    data: Path
    prototxts: Path
    patience: float = 1.5
    noisy: bool = False

    @property
    def kept(self) -> Kept:
        """The figures that are known already."""
        return Kept(self.setting.work / "kept.jsonl")

    def folder(self, side: Side, command: Command) -> Path:
        """Where a command of a build writes."""
        return self.setting.work / side.digest / f"{self.setting.model.scale}-{command.name}"

    def measured(
        self,
        side: Side,
        command: Command,
        limit: Optional[float] = None,
        busy: bool = False,
        turns: int = 1,
        quiet: bool = True,
    ) -> Measured:
        """Return what a command takes, measured unless it is known.

        Args:
            side: The build.
            command: The command.
            limit: Seconds after which it is stopped.
            busy: With another process on each core.
            turns: How often it is run; the median of each figure counts. Its memory is looked at
                only where it runs once.
            quiet: Do not use times that were kept while other processes took much of the machine.

        Raises:
            SystemExit: It failed.
        """
        key = [side.digest, command.name, self.setting.model.scale, busy, turns]
        key += [machine.fingerprint(), " ".join(map(str, command.words))]
        known = self.kept.get(key)
        if known is not None and self._is_whole(Measured(**known), side, command, limit):
            known = Measured(**known)
            if busy or self.noisy or not quiet or known.others <= NOISE:
                return known
        beside = ", with another process on each core" if busy else ""
        say(f"{command.title}: {side.name}{beside}")
        with busy_cores(str(self.ours.python)) if busy else contextlib.nullcontext():
            found = median([self._run(side, command, limit, turns == 1) for _ in range(turns)])
        self.kept.add(key, asdict(found))
        return found

    def both(
        self, command: Command, wanted: Optional[float] = None, turns: int = 1
    ) -> tuple[Measured, Measured]:
        """Return what a command takes of this build and of the other, this one first.

        Args:
            command: The command.
            wanted: The ratio that is asked. The other build is stopped when it has taken
                that often, times our patience, what this one took. If not given, it may take what
                it takes.
            turns: How often each is run.
        """
        ours = self.measured(self.ours, command, turns=turns)
        limit = None if wanted is None else self.patience * wanted * ours.seconds
        return ours, self.measured(self.theirs, command, limit, turns=turns)

    def beside_others(self, command: Command, idle: Measured, turns: int = 1) -> Row:
        """Return the row of a command with another process on each core."""
        busy = self.measured(self.ours, command, busy=True, turns=turns)
        times = busy.seconds / idle.seconds
        return Row(
            f"{command.title}, another process on each core",
            f"{idle.time} (idle)",
            busy.time,
            f"{times:.2f} times its idle time",
            f"at most {BESIDE_OTHERS:g} times",
            times <= BESIDE_OTHERS,
        )

    def _is_whole(
        self, known: Measured, side: Side, command: Command, limit: Optional[float]
    ) -> bool:
        """Whether a command that is known ran far enough, and what it wrote is still there."""
        if known.stopped:
            return limit is not None and known.seconds >= limit
        return self.folder(side, command).is_dir()

    def _run(self, side: Side, command: Command, limit: Optional[float], sampled: bool) -> Measured:
        output = self.folder(side, command)
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        words = [str(word).replace("{out}", str(output)) for word in _known(side, command)]
        variables = {"NETSURGERY_CACHE": str(self.setting.work / "cache")}
        if self.setting.caffe_python:
            variables["NETSURGERY_CAFFE_PYTHON"] = self.setting.caffe_python
        done = watch([side.program, *words], environment(**variables), limit, sampled)
        if not done.stopped and done.status not in FINE:
            raise SystemExit(
                f"benchmark: {side.name}: netsurgery {' '.join(words)} ended with "
                f"{done.status}:\n{done.errors[-2000:]}"
            )
        memory = done.memory
        return Measured(
            *(done.seconds, done.processor, memory.largest, memory.tree),
            *(done.others or 0.0, done.stopped),
        )


def _known(side: Side, command: Command) -> list[object]:
    """Return the words of a command without flags that came after the build."""
    later = [word for word in command.words if word in LATER]
    if later:
        asked = [str(side.program), str(command.words[0]), "--help"]
        told = subprocess.run(asked, env=environment(), capture_output=True, text=True).stdout
        later = [flag for flag in later if str(flag) not in told]
    return [word for word in command.words if word not in later]


def median(found: Sequence[Measured]) -> Measured:
    """Return the median of each figure."""

    def middle(name: str) -> float:
        return statistics.median(getattr(one, name) for one in found)

    return Measured(
        *(middle("seconds"), middle("processor"), int(middle("largest")), int(middle("tree"))),
        *(middle("others"), any(one.stopped for one in found)),
    )


def faster(command: Command, ours: Measured, theirs: Measured, wanted: Optional[float]) -> Row:
    """Return the row that says how many times faster this build is.

    A build that was stopped has not lost: what it took so far counts as what it takes at least.
    """
    times = theirs.seconds / ours.seconds
    reached = None if wanted is None else times >= wanted
    return Row(
        command.title,
        theirs.time,
        ours.time,
        f"{'at least ' if theirs.stopped else ''}{times:.1f} times faster",
        "" if wanted is None else f"{wanted:g} times",
        reached,
        f"{command.title}: processor time {seconds(theirs.processor)} and "
        f"{seconds(ours.processor)}, memory of all processes {theirs.tree / 1e9:.2f} GB and "
        f"{ours.tree / 1e9:.2f} GB, of the largest {theirs.largest / 1e9:.2f} GB "
        f"and {ours.largest / 1e9:.2f} GB.",
    )


def seconds(time: float) -> str:
    """Return a time for a table."""
    return f"{time:.3f} s" if time < 1 else f"{time:.2f} s" if time < 10 else f"{time:,.1f} s"
