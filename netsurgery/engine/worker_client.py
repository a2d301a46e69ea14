"""The side of a child process that asks: what sessions of all kinds share."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Optional, Sequence, Union

import numpy as np

from netsurgery.engine.process import Answer, ChildFailedError, Worker
from netsurgery.errors import EngineError


class WorkerClient:
    """Something that is open in a child process, which runs a script of ``engine/workers``.

    After an EngineError from the engine itself the child is gone, and what was open with it.
    """

    engine: ClassVar[str] = "this engine"

    def __init__(self, worker: Worker, file: Union[str, os.PathLike[str]]) -> None:
        """Take over a child process; the subclass asks it to open something.

        Args:
            worker: The child process.
            file: What errors name.
        """
        self._worker: Optional[Worker] = worker
        self._file = os.fspath(file)

    def close(self) -> None:
        """End the child process."""
        if self._worker is not None:
            self._worker.close()

    def _ask(self, command: str, arrays: Sequence[np.ndarray] = (), **arguments: Any) -> Answer:
        try:
            return self._running().request(command, arrays, **arguments)
        except ChildFailedError as failure:
            raise self._explain(failure) from None

    def _running(self) -> Worker:
        if self._worker is None:
            raise EngineError("another model took the place of this one", file=self._file)
        return self._worker

    def _explain(self, failure: ChildFailedError) -> EngineError:
        return EngineError(f"{self.engine} {failure.problem}", file=self._file)
