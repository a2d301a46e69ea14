"""The same tasks on a cluster: worker processes of their own, of which one is killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Iterator

import pytest
from fake_commands import work_of

from netsurgery.errors import EngineError
from netsurgery.zoo import (
    DaskScheduler,
    Listener,
    LocalScheduler,
    Outcome,
    run_batch,
    without_times,
)

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks for processes as Linux tells of them"
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Three worker processes of one thread."""
    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True}
    with distributed.LocalCluster(**options, dashboard_address=None, silence_logs=50) as found:
        yield found


def test_a_cluster_gives_what_one_machine_gives(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    work = work_of(tmp_path, "work", "crash", "refuse", "work", "silent")
    scheduler = DaskScheduler(cluster.scheduler_address)
    assert scheduler.workers == 3
    there = run_batch(work, tmp_path / "there", scheduler)
    here = run_batch(work, tmp_path / "here", LocalScheduler(2))
    assert without_times(there) == without_times(here)
    assert there.complete


def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_there_twice(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    behaviours = ["slow"] * 9
    for number in range(len(behaviours)):
        (tmp_path / f"model{number}").write_text("0.5")
    work, out = work_of(tmp_path, *behaviours), tmp_path / "out"
    scheduler = DaskScheduler(cluster.scheduler_address)
    ended: list[str] = []

    class Kills(Listener):
        def ended(self, outcome: Outcome) -> None:
            if not ended:
                kill_one_at_work(out)
            ended.append(outcome.name)

    index = run_batch(work, out, scheduler, Kills())
    assert [one.status for one in index.models] == ["compressed"] * 9
    assert max(Counter(ended).values()) == 1
    assert sorted(ended) == [f"a/{number}" for number in range(9)]
    undisturbed = run_batch(work, tmp_path / "again", LocalScheduler(3))
    assert without_times(index) == without_times(undisturbed)


def kill_one_at_work(out: Path) -> None:
    """Kill the worker process that runs one of the tasks: the parent of its warden's."""
    for _ in range(200):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
                parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if any(word.endswith(b"fake.py") for word in words) and str(out).encode() in b"".join(
                words
            ):
                warden = Path("/proc") / str(parent) / "stat"
                os.kill(int(warden.read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
                return
        time.sleep(0.02)
    raise AssertionError("no worker was at work")


def test_where_nobody_answers_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsurgery.zoo.cluster._SECONDS_TO_ANSWER", 0.2)
    with pytest.raises(EngineError, match="no scheduler answers at tcp"):
        DaskScheduler("tcp://127.0.0.1:9")
    with pytest.raises(EngineError, match="no scheduler answers at nonsense"):
        DaskScheduler("nonsense://x")
