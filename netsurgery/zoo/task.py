"""One model's work as data: what to run on it, within which limits, and the key it is known by."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple, Union

from netsurgery.errors import FormatError
from netsurgery.formats import sha256_of
from netsurgery.measurements import code_version, digest_of
from netsurgery.zoo.outcome import CRASHED, MEMORY, TIMEOUT, Outcome


@dataclass(frozen=True)
class Reads:
    """A word of a command that names a file or a folder that is read.

    Attributes:
        place: A path, or a URL of a file that a worker elsewhere can read.
        option: The option that it is the value of, if it is of one.
    """

    place: str
    option: str = ""


@dataclass(frozen=True)
class Writes:
    """A word of a command that names what is written.

    Attributes:
        name: A file in the folder of the result; the folder itself if empty.
        option: The option that it is the value of, if it is of one.
    """

    name: str = ""
    option: str = ""


Word = Union[str, Reads, Writes]


@dataclass(frozen=True)
class TaskLimits:
    """What a model may take before it is stopped.

    Attributes:
        memory: Bytes of all its processes together; None: no limit.
        timeout: Seconds; None: no limit.
    """

    memory: Optional[int] = None
    timeout: Optional[float] = None


@dataclass(frozen=True)
class BatchTask:
    """What is done with one model of a batch, as plain data that can be sent to another machine.

    Attributes:
        name: The model's name: words with / between them.
        words: The words of netsurgery's command line.
        key: See `key_of`.
        folder: The folder or the URL below which the result goes to ``name``.
        limits: What it may take.
        program: What runs the words; none: this package, by the Python that is there.
        effort: Larger for a model that takes longer; those begin first.
    """

    name: str
    words: Tuple[Word, ...]
    key: str
    folder: str
    limits: TaskLimits = field(default_factory=TaskLimits)
    program: Tuple[str, ...] = ()
    effort: int = 0

    @property
    def command(self) -> str:
        """What is done: the first of its words, as ``compress``."""
        return str(self.words[0])

    @property
    def options(self) -> Tuple[str, ...]:
        """Its other words, but for the models that it reads and where the result goes."""
        told = (
            with_option(word.option, word.place)
            if isinstance(word, Reads) and word.option
            else word
            for word in self.words[1:]
        )
        return tuple(word for word in told if isinstance(word, str))

    def is_settled_by(self, outcome: Outcome) -> bool:
        """Return whether an outcome is of this work, and doing it again would change nothing.

        What crashed is worth another try, and what was stopped at a limit too, at another one.
        """
        if outcome.status in (TIMEOUT, MEMORY):
            limits = TaskLimits(outcome.memory, outcome.timeout)
            return outcome.key == self.key and limits == self.limits
        return outcome.key == self.key and outcome.status != CRASHED


def with_option(option: str, value: str) -> str:
    """Return a value as the word that gives it to an option, if there is one."""
    return f"{option}={value}" if option else value


class Digests:
    """The sha256 of files and folders, each read once."""

    def __init__(self) -> None:
        self._known: Dict[str, str] = {}

    def of(self, place: str) -> str:
        """Return the digest of what a file or a folder holds; of its name, where there is none.

        Raises:
            FormatError: It cannot be read.
        """
        if place not in self._known:
            self._known[place] = _digest(Path(place))
        return self._known[place]


def _digest(path: Path) -> str:
    try:
        if path.is_dir():
            return digest_of(*(_named(path, file) for file in files_below(path)))
        return sha256_of(path) if path.exists() else digest_of(str(path))
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror}", file=error.filename) from None


def _named(folder: Path, file: Path) -> Tuple[str, str]:
    return file.relative_to(folder).as_posix(), sha256_of(file)


def files_below(folder: Path) -> List[Path]:
    """Return the files in a folder and those within it, in an order of their own."""
    found = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return sorted(found)


def key_of(words: Tuple[Word, ...], digest: Callable[[str], str]) -> str:
    """Return the key by which work is known again.

    It is a sha256 of the words, of what the files hold that they name, and of this package's code.

    Args:
        words: The words of a command.
        digest: Gives the digest of a file, as `Digests.of`.
    """
    told = [
        ("reads", word.option, Path(word.place).name, digest(word.place))
        if isinstance(word, Reads)
        else ("writes", word.option, word.name)
        if isinstance(word, Writes)
        else word
        for word in words
    ]
    return digest_of(code_version(), *told)
