"""Scratch is gone at the end, and what a killed run left is cleared away by the next."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netsurgery.formats import scratch
from netsurgery.formats.atomic import write_together
from netsurgery.formats.scratch import scratch_folder, scratch_name

HOLDER = """
import sys, time
from netsurgery.formats.atomic import write_together
from netsurgery.formats.scratch import scratch_folder
def wait(stream=None):
    print("there", flush=True)
    time.sleep(60)
if sys.argv[1] == "folder":
    with scratch_folder(sys.argv[2]) as made:
        (made / "half").write_text("written")
        wait()
else:
    write_together({sys.argv[2] + "/net.caffemodel": wait})
"""


@pytest.fixture(autouse=True)
def _nothing_is_swept_yet(monkeypatch) -> None:
    monkeypatch.setattr(scratch, "_swept", set())


@pytest.fixture(params=["folder", "file"])
def holder(request, tmp_path: Path):
    """Another process that has scratch in tmp_path, of a kind."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, request.param, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_folder_is_gone_at_the_end_and_after_an_error(tmp_path) -> None:
    def fail() -> None:
        with scratch_folder(tmp_path) as made:
            (made / "file").write_text("x")
            raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        fail()
    assert not os.listdir(tmp_path)


def test_what_another_run_has_in_use_stays(holder, tmp_path) -> None:
    before = os.listdir(tmp_path)
    assert before
    with scratch_folder(tmp_path):
        assert set(before) < set(os.listdir(tmp_path))
    assert os.listdir(tmp_path) == before


@pytest.mark.parametrize("by", ["folder", "file"])
def test_what_a_killed_run_left_is_cleared_away(holder, tmp_path, by: str) -> None:
    holder.kill()
    holder.wait()
    assert os.listdir(tmp_path)
    if by == "folder":
        with scratch_folder(tmp_path) as made:
            assert os.listdir(tmp_path) == [made.name]
    else:
        write_together({tmp_path / "new": lambda stream: stream.write(b"x")})
        assert os.listdir(tmp_path) == ["new"]


def test_what_is_not_ours_stays(tmp_path) -> None:
    names = [".netsurgery-notes", "netsurgery-0123456789ab", ".netsurgery-0123456789abc"]
    for name in names:
        (tmp_path / name).write_text("mine")
    folder = scratch_name(tmp_path / "x")  # our kind of name, but a folder somebody filled
    folder.mkdir()
    (folder / "precious").write_text("mine")
    os.utime(folder, (time.time() - 1000,) * 2)
    target = tmp_path / "target"
    target.write_text("mine")
    link = scratch_name(tmp_path / "x")
    link.symlink_to(target)
    with scratch_folder(tmp_path):
        pass
    assert sorted(os.listdir(tmp_path)) == sorted([*names, folder.name, "target", link.name])
    assert (folder / "precious").exists()
    assert target.exists()


def test_an_empty_folder_of_a_run_killed_at_once_goes_when_it_is_old(tmp_path) -> None:
    young, old = (scratch_name(tmp_path / "x") for _ in range(2))
    young.mkdir()
    old.mkdir()
    os.utime(old, (time.time() - 1000,) * 2)
    with scratch_folder(tmp_path):
        assert young.exists()
        assert not old.exists()
