"""Results and inputs behind URLs: the same results, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from fake_commands import work_of

from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.zoo import (
    DaskScheduler,
    LocalScheduler,
    read_index,
    run_batch,
    without_times,
)
from netsurgery.zoo.places import fetched, known_outcome, staged

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A place in memory, empty at first."""
    memory = fsspec.filesystem("memory")
    yield f"memory://{tmp_path.name}/out"
    memory.rm("/", recursive=True)


def files_below(url: str) -> set[str]:
    system, path = fsspec.core.url_to_fs(url)
    return {file[len(path) :].lstrip("/") for file in system.find(path)}


def without_options(index: object) -> object:
    """An index without what says where inputs were read."""
    found = without_times(index)  # type: ignore[arg-type]
    for one in found["models"]:
        del one["options"]
    return found


def test_a_batch_behind_a_url_is_that_of_a_folder(url: str, tmp_path: Path) -> None:
    work = work_of(tmp_path, "work", "refuse", "work")
    there = run_batch(work, url, LocalScheduler(2))
    here = run_batch(work, tmp_path / "here", LocalScheduler(2))
    assert without_options(there) == without_options(here)
    assert read_index(url) == there
    assert {name for name in files_below(url) if name.startswith("a/0/")} == {
        "a/0/net.caffemodel",
        "a/0/netsurgery.json",
        "a/0/outcome.json",
        "a/0/printed.txt",
    }


def test_what_is_finished_there_is_known_and_inputs_go_there_once(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("log", str(log))
    work = work_of(tmp_path, "work", "work")
    first = run_batch(work, url, LocalScheduler(1))
    sent = files_below(url)
    assert run_batch(work, url, LocalScheduler(1)) == first
    assert files_below(url) == sent
    assert len(log.read_text().split()) == 2


def test_without_its_record_a_result_is_none(url: str, tmp_path: Path) -> None:
    work = work_of(tmp_path, "work")
    run_batch(work, url, LocalScheduler(1))
    system, path = fsspec.core.url_to_fs(url)
    system.rm_file(f"{path}/a/0/outcome.json")
    system.pipe_file(f"{path}/a/0/half", b"of an upload that was cut")
    assert known_outcome(url, "a/0") is None
    run_batch(work, url, LocalScheduler(1))
    assert "a/0/outcome.json" in files_below(url)
    assert "a/0/half" not in files_below(url)


def test_folders_are_sent_and_fetched_whole(url: str, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    (photos / "a.png").write_bytes(b"a")
    (photos / "more" / "b.png").write_bytes(b"b")
    back = Path(fetched(staged(str(photos), "digest", url), tmp_path / "back"))
    assert back.name == "photos"
    assert (back / "a.png").read_bytes() == b"a"
    assert (back / "more" / "b.png").read_bytes() == b"b"


def test_a_cluster_runs_a_batch_behind_a_url(url: str, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False}
    with distributed.LocalCluster(**options, dashboard_address=None, silence_logs=50) as cluster:
        work = work_of(tmp_path, "work", "crash")
        index = run_batch(work, url, DaskScheduler(cluster.scheduler_address))
    assert [one.status for one in index.models] == ["compressed", "crashed"]


def test_what_no_file_system_is_known_for_is_told() -> None:
    with pytest.raises(FormatError, match="cannot be reached"):
        known_outcome("nonsense://x", "net")
    with pytest.raises(NetsurgeryError, match="is not there"):
        read_index("memory://nothing/here")
