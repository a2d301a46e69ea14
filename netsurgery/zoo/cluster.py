"""Hands the tasks of a batch to the workers of a Dask cluster, which run them as a machine would.

The folder of the results, and the files that are read, are where every worker sees them under the
same paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, Sequence

from netsurgery.errors import EngineError, NetsurgeryError
from netsurgery.zoo.outcome import Outcome
from netsurgery.zoo.running import lost, run_task
from netsurgery.zoo.scheduling import OnBegin, answered, nobody
from netsurgery.zoo.task import BatchTask

if TYPE_CHECKING:
    from distributed import Client, Future

_SECONDS_TO_ANSWER = 10
_ONE_THREAD = 1
"""A thread of a worker is taken for a core of its machine."""


class DaskScheduler:
    """Has tasks run by the workers of a Dask cluster.

    One that a worker died with is given to another; where its result was published before, that is
    found there, so nothing is lost and nothing there twice.

    Args:
        address: That of the cluster's scheduler, as ``tcp://host:8786``.

    Raises:
        NetsurgeryError: ``distributed`` is not installed.
        EngineError: No scheduler answers there, or it has no workers.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        with self._client() as client:
            self._workers = sum(client.nthreads().values())
        if not self._workers:
            raise EngineError(
                f"the scheduler at {address} has no workers", remedy="start some: dask worker"
            )

    @property
    def workers(self) -> int:
        """How many run at once: the threads of all workers, as the cluster was found."""
        return self._workers

    def run(self, tasks: Sequence[BatchTask], begins: OnBegin = nobody) -> Iterator[Outcome]:
        """Yield what came of each task, as they end; when each begins only its worker knows."""
        from distributed import as_completed

        with self._client() as client:
            # Those that are handed in first begin first: the longest.
            futures: Dict[Future, BatchTask] = {
                _hand_in(client, task): task for task in sorted(tasks, key=lambda one: -one.effort)
            }
            try:
                for future in as_completed(list(futures), loop=client.loop):
                    yield _answer(futures[future], future)
            finally:
                client.cancel(list(futures), force=True)

    def _client(self) -> Client:
        try:
            from distributed import Client
        except ImportError:
            raise NetsurgeryError(
                "a cluster needs distributed", remedy="pip install 'netsurgery[cluster]'"
            ) from None
        try:
            return Client(self._address, timeout=_SECONDS_TO_ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EngineError(
                f"no scheduler answers at {self._address}: {error}",
                remedy="start one, `dask scheduler` prints its address",
            ) from None


def _hand_in(client: Client, task: BatchTask) -> Future:
    key = f"netsurgery-{task.name}-{task.key}"
    return client.submit(run_task, task, _ONE_THREAD, key=key, pure=False)


def _answer(task: BatchTask, future: Any) -> Outcome:
    from distributed import KilledWorker

    if future.status == "finished":
        return answered(task, future.result())
    if future.status == "cancelled":
        return lost(task, "the cluster gave it up")
    error = future.exception()
    if isinstance(error, KilledWorker):
        return lost(task, f"every worker that had it died: {error}")
    return answered(task, error)
