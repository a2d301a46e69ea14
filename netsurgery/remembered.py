"""Answers that are kept beside what never changes, so that each question is worked out once."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, Hashable, TypeVar

T = TypeVar("T")


class Remembered:
    """The latest answers to questions about one thing that never changes; the oldest go.

    What is kept must not hold what is large and would go otherwise, such as weights. Pickled and
    copied, it is empty.
    """

    def __init__(self, most: int) -> None:
        """Remember so many answers at most."""
        self._most = most
        self._answers: Dict[Hashable, Any] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> Any:
        return Remembered, (self._most,)

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: Hashable, answer: Callable[[], T]) -> T:
        """Return the answer to a question, worked out where it is not known.

        Where two threads ask at once, both work it out, and both get what the first one found.

        Args:
            question: All that the answer depends on besides the thing itself.
            answer: Works it out. What it raises is not remembered.
        """
        with self._lock:
            if question in self._answers:
                found = self._answers[question] = self._answers.pop(question)
                return found
        found = answer()
        with self._lock:
            found = self._answers.setdefault(question, found)
            while len(self._answers) > self._most:
                del self._answers[next(iter(self._answers))]
            return found
