"""What is given up at the end of a ``with``."""

from __future__ import annotations

import abc
from types import TracebackType
from typing import Optional, Type, TypeVar

ClosingType = TypeVar("ClosingType", bound="Closing")


class Closing(abc.ABC):
    """Something that holds a child process, memory or files until it is closed."""

    @abc.abstractmethod
    def close(self) -> None:
        """Give up what is held; a second time does nothing."""

    def __enter__(self: ClosingType) -> ClosingType:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()
