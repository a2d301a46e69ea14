"""Runs a batch: what is known stays, the rest is done, and the index is kept up to date."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, Generator, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from netsurgery.errors import FormatError, RequestError
from netsurgery.formats import alone, make_folder
from netsurgery.zoo.effort import effort_of
from netsurgery.zoo.entry import Entry, SkippedFile
from netsurgery.zoo.index import Index
from netsurgery.zoo.outcome import Outcome
from netsurgery.zoo.places import is_url, known_outcome, staged
from netsurgery.zoo.scheduling import Scheduler
from netsurgery.zoo.task import BatchTask, Digests, Reads, TaskLimits, Word, key_of

AnyPath = Union[str, Path]

_LOCK = ".netsurgery-batch"


class Listener:
    """What is told of a batch while it runs; this one does not listen. From any thread."""

    def planned(self, known: Sequence[Outcome], tasks: Sequence[BatchTask]) -> None:
        """Hear what is known of earlier runs, and what is still to be done."""

    def began(self, task: BatchTask) -> None:
        """Hear that a task begins."""

    def ended(self, outcome: Outcome) -> None:
        """Hear what came of one."""


@dataclass(frozen=True)
class Work:
    """What is to be done with all models of a batch.

    Attributes:
        source: What they are from, for the index.
        command: What is done, as ``compress``.
        items: The models, each with the words of netsurgery's command line.
        skipped: What was found and left out.
        limits: What each may take.
        program: What runs the words; none: this package.
    """

    source: str
    command: str
    items: Tuple[Tuple[Entry, Tuple[Word, ...]], ...]
    skipped: Tuple[SkippedFile, ...] = ()
    limits: TaskLimits = field(default_factory=TaskLimits)
    program: Tuple[str, ...] = ()


def run_batch(
    work: Work, out: AnyPath, scheduler: Scheduler, listener: Optional[Listener] = None
) -> Index:
    """Run what is to be done of a batch, and write the index anew whenever a model has ended.

    What an earlier run finished is known by what its files, options and this package held, and is
    not done again, unless it crashed, or was stopped at another limit.

    Args:
        work: What is to be done.
        out: The folder of the results, or a URL that fsspec knows; what tasks read is then put
            there too, so that workers elsewhere can read it.
        scheduler: Who runs it.
        listener: Is told.

    Raises:
        RequestError: Two models have one name, or another batch works in the folder.
        FormatError: A file cannot be read or written; a folder is there that is no result.
    """
    hearer = listener or Listener()
    folder = str(out)
    with _held(folder):
        tasks = tasks_of(work, folder)
        known = _known(tasks, folder)
        entries = {entry.name: entry for entry, _ in work.items}
        left = [
            replace(task, effort=effort_of(entries[task.name]))
            for task in tasks
            if task.name not in known
        ]
        hearer.planned(list(known.values()), left)
        done: Dict[str, Outcome] = dict(known)
        index = _index(work, tasks, done)
        index.write(folder)
        with contextlib.closing(_run(scheduler, left, hearer)) as outcomes:
            for outcome in outcomes:
                done[outcome.name] = outcome
                index = _index(work, tasks, done)
                index.write(folder)
                hearer.ended(outcome)
    return index


@contextlib.contextmanager
def _held(folder: str) -> Iterator[None]:
    """Keep others out of a folder; behind a URL there are no locks."""
    if is_url(folder):
        yield
        return
    make_folder(folder)
    with alone(Path(folder) / _LOCK) as free:
        if not free:
            raise RequestError(f"{folder}: another batch works in this folder; wait for its end")
        yield


def _run(
    scheduler: Scheduler, tasks: Sequence[BatchTask], listener: Listener
) -> Generator[Outcome, None, None]:
    yield from scheduler.run(tasks, listener.began)


def tasks_of(work: Work, folder: str) -> List[BatchTask]:
    """Return the tasks of a batch.

    Args:
        work: What is to be done.
        folder: The folder, or the URL, of the results.

    Raises:
        RequestError: Two models have one name, or one has another's folder.
        FormatError: A file cannot be read.
    """
    _refuse_clashes([entry.name for entry, _ in work.items])
    digests = Digests()
    return [
        BatchTask(
            name=entry.name,
            words=_readable(words, digests, folder),
            key=key_of(words, digests.of),
            folder=folder,
            limits=work.limits,
            program=work.program,
        )
        for entry, words in work.items
    ]


def _readable(words: Tuple[Word, ...], digests: Digests, folder: str) -> Tuple[Word, ...]:
    """Words whose files workers elsewhere can read, where results go to a URL."""
    if not is_url(folder):
        return words
    return tuple(
        replace(word, place=staged(word.place, digests.of(word.place), folder))
        if isinstance(word, Reads)
        else word
        for word in words
    )


def _refuse_clashes(names: Sequence[str]) -> None:
    taken: Dict[str, str] = {}
    for name in names:
        if name.casefold() in taken:
            raise RequestError(f"two models are called {name!r}; give one another name")
        taken[name.casefold()] = name
    for name in names:
        parts = name.casefold().split("/")
        for count in range(1, len(parts)):
            folder = "/".join(parts[:count])
            if folder in taken:
                raise RequestError(
                    f"the result of {name!r} would lie in that of {taken[folder]!r}; give one "
                    "another name"
                )


def _known(tasks: Sequence[BatchTask], folder: str) -> Dict[str, Outcome]:
    found = {}
    for task in tasks:
        outcome = known_outcome(folder, task.name)
        if outcome is None:
            if not is_url(folder):
                _refuse_strangers(Path(folder) / task.name)
        elif task.is_settled_by(outcome):
            found[task.name] = outcome
    return found


def _refuse_strangers(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise FormatError(
            "this is no result of a batch, and is in the place of one",
            file=folder,
            remedy="choose another folder, or move it away",
        )


def _index(work: Work, tasks: Sequence[BatchTask], done: Mapping[str, Outcome]) -> Index:
    return Index(
        source=work.source,
        command=work.command,
        models=tuple(done[task.name] for task in tasks if task.name in done),
        skipped=work.skipped,
        total=len(tasks),
        originals={
            entry.name: (str(entry.prototxt), str(entry.weights)) for entry, _ in work.items
        },
    )
