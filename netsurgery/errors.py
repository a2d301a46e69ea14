"""The one family of exceptions: each names the file, the layer, what is wrong, what to do."""

from __future__ import annotations

import re
from typing import Callable, Optional, Tuple


class Remedy(str):
    """What the user can do, or what is wrong, in words that name arguments of the library.

    As text it names them as a caller in Python does; the command line, which has flags for them,
    tells it anew.

    Attributes:
        words: The words, with ``{}`` where an argument is named.
        arguments: The names that go there.
    """

    words: str
    arguments: Tuple[str, ...]

    def __new__(cls, words: str, *arguments: str) -> Remedy:
        """Make a remedy of its words and of the arguments that they name."""
        made = super().__new__(cls, words.format(*(f"`{name}`" for name in arguments)))
        made.words, made.arguments = words, arguments
        return made

    def told(self, name: Callable[[str], str]) -> str:
        """Return the words with the arguments under the names that ``name`` gives them."""
        return self.words.format(*map(name, self.arguments))


class NetsurgeryError(Exception):
    """Root of every error that netsurgery raises on purpose.

    Its text is one line: ``file:line:column: layer 'name': problem; remedy``, with the
    parts that are not known left out.

    Attributes:
        problem: What is wrong, without a full stop; a `Remedy` where that names an argument.
        file: The file at fault.
        line: 1-based line in that file.
        column: 1-based column, counted in bytes.
        layer: The name of the layer at fault.
        remedy: What the user can do about it; a `Remedy` where that takes an argument.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Optional[object] = None,
        line: Optional[int] = None,
        column: Optional[int] = None,
        layer: Optional[str] = None,
        remedy: Optional[str] = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.line = line
        self.column = column
        self.layer = layer
        self.remedy = remedy
        super().__init__(problem)

    def __copy__(self) -> NetsurgeryError:
        """Made here, as packages that send errors elsewhere change what a copy of one is."""
        made = type(self).__new__(type(self), *self.args)
        made.__dict__.update(self.__dict__)
        return made

    def __str__(self) -> str:
        return self._line(self.problem, self.remedy)

    def told(self, name: Callable[[str], str]) -> str:
        """Return the line with the arguments that it names under the names that ``name`` gives."""
        problem, remedy = (
            text.told(name) if isinstance(text, Remedy) else text
            for text in (self.problem, self.remedy)
        )
        return self._line(problem or "", remedy)

    def _line(self, problem: str, remedy: Optional[str]) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        owner = f"layer {self.layer!r}" if self.layer is not None else ""
        text = ": ".join(part for part in (place, owner, problem) if part)
        text = f"{text}; {remedy}" if remedy else text
        return visible(text.replace("\n", " "))


class RequestError(NetsurgeryError):
    """What is asked for contradicts itself, is not complete, or has a name that cannot be."""


class FormatError(NetsurgeryError):
    """A file is not what it should be, or cannot be read or written."""


class NetworkError(NetsurgeryError):
    """The files are well formed, but what they describe is not a network Caffe would run."""


class PlanError(NetsurgeryError):
    """A plan, or a request for one, cannot be carried out."""


class ContractError(PlanError):
    """A method answered an edit with what cannot be right; the fault is the method's."""


class EngineError(NetsurgeryError):
    """An engine is missing, refused the model, or died running it."""


class VerificationError(NetsurgeryError):
    """Two models cannot be compared."""


class NoJudgeError(VerificationError):
    """An engine runs something else than the net says, or not twice the same: it proves nothing."""


MOST_SHOWN = 80


def shortened(value: object) -> str:
    """Return a text on one line, cut where it is too long for a message."""
    text = " ".join(str(value).split())
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


_UNSEEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Return a text with what a terminal would obey, or cannot show, spelt out.

    Names of layers and files are data: one may hold line ends, escape sequences, or marks that turn
    the direction of what follows.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
