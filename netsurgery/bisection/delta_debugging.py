"""The fewest of many changes that make a check fail."""

from __future__ import annotations

from enum import Enum
from typing import Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Sequence, Tuple

Subset = Tuple[int, ...]


class CheckOutcome(Enum):
    """What came of a check.

    Attributes:
        PASSES: All is well.
        FAILS: It is not.
        UNRESOLVED: The check could not be made of this.
    """

    PASSES = "passes"
    FAILS = "fails"
    UNRESOLVED = "unresolved"


class Minimized(NamedTuple):
    """What was found.

    Attributes:
        changes: The numbers of the changes that fail together; without any one of them the check
            does not fail.
        checks: How many checks it took.
    """

    changes: Subset
    checks: int


def minimize_failing(count: int, check: Callable[[Subset], CheckOutcome]) -> Minimized:
    """Return a smallest set of changes that fails a check (``ddmin``, Zeller and Hildebrandt 2002).

    Halves of the changes are tried, and what is left without each; then quarters, and so on. With
    one culprit that takes about ``2 log2 n`` checks, and never more than ``n^2 + 3n``. The set is
    smallest in that none of its changes can be left out; there may be another one.

    Args:
        count: How many changes there are; without any the check passes, with all it fails.
        check: Says what comes of some of them, by their numbers in ascending order. It is asked
            once about each set.
    """
    answers = _Answers(check)
    failing, parts = tuple(range(count)), 2
    while len(failing) > 1:
        pieces = _split(failing, parts)
        smaller = next((one for one in pieces if answers.fails(one)), None)
        if smaller is not None:
            failing, parts = smaller, 2
            continue
        rest = next((one for one in _without(failing, pieces) if answers.fails(one)), None)
        if rest is not None:
            failing, parts = rest, max(parts - 1, 2)
        elif parts < len(failing):
            parts = min(2 * parts, len(failing))
        else:
            break
    return Minimized(failing, answers.made)


class _Answers:
    """Asks once about each set of changes."""

    def __init__(self, check: Callable[[Subset], CheckOutcome]) -> None:
        self._check = check
        self._known: Dict[FrozenSet[int], CheckOutcome] = {}
        self.made = 0

    def fails(self, changes: Subset) -> bool:
        key = frozenset(changes)
        if key not in self._known:
            self._known[key] = self._check(changes)
            self.made += 1
        return self._known[key] is CheckOutcome.FAILS


def _split(changes: Subset, parts: int) -> List[Subset]:
    """Cut changes into as many pieces, of about one length."""
    ends = [len(changes) * number // parts for number in range(parts + 1)]
    return [changes[start:end] for start, end in zip(ends, ends[1:])]


def _without(changes: Subset, pieces: Sequence[Subset]) -> Iterator[Subset]:
    for piece in pieces if len(pieces) > 2 else ():  # of two, either is the rest of the other
        gone = set(piece)
        yield tuple(one for one in changes if one not in gone)
