"""What is kept for later runs, listed and cleared away."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from command_line import tables_in

import netsurgery as ns
from netsurgery.cli import _cache
from netsurgery.errors import FormatError
from netsurgery.jobs.estimates import FILE
from netsurgery.measurements import FolderStore

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
THIN = ("thin", DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel", "--keep", "conv2=0.7")
FITTED = ("--calibrate", DIGITS / "train.npz", "--samples", 40, "--dry-run")
DAY = 24 * 3600
WHAT = f"digits on 40 of 1347 samples of {DIGITS / 'train.npz'}"


@pytest.fixture
def filled(netsurgery, cache_folder: Path, opencv: None) -> Path:
    """The folder of what a run has left, half of it not used for ten days; and of others."""
    assert netsurgery(*THIN, *FITTED).status == 0
    folder = cache_folder / "calibrator"
    then = time.time() - 10 * DAY
    for path in sorted(folder.iterdir())[::2]:
        os.utime(path, (then, then))
    (cache_folder / FILE).write_text("[]")
    (folder / "notes.txt").write_text("mine")
    (folder / f"{'0' * 64}.npz").write_bytes(b"spoilt")
    return folder


def test_it_is_listed_by_net_and_inputs(netsurgery, filled: Path) -> None:
    done = netsurgery("cache")
    assert done.status == 0
    (rows,) = tables_in(done.out)
    kept = {row["kept of"]: row for row in rows}
    assert int(kept[WHAT]["files"]) == len(list(filled.glob("*.npz"))) - 1
    assert kept[WHAT]["last used"] == "today"
    assert sorted(done.err.splitlines()) == [
        f"{filled / (64 * '0')}.npz: is spoilt, and is left alone",
        f"{filled / 'notes.txt'}: is none of netsurgery's, and is left alone",
    ]
    listed = json.loads(netsurgery("cache", "--json").out)
    assert listed["folder"] == str(filled.parent)
    assert listed["bytes"] == sum(one["bytes"] for one in listed["entries"])
    sizes = {one["path"]: one["bytes"] for one in listed["entries"]}
    assert sizes == {
        str(path): path.stat().st_size for path in [*filled.iterdir(), filled.parent / FILE]
    }


def test_what_was_not_used_for_long_is_cleared_first(netsurgery, filled: Path) -> None:
    before = set(filled.iterdir())
    old = {path for path in before if path.stat().st_mtime < time.time() - 5 * DAY}
    done = json.loads(netsurgery("cache", "clear", "--older-than", 5, "--json").out)
    assert {Path(one["path"]) for one in done["removed"]["entries"]} == old
    assert set(filled.iterdir()) == before - old
    cleared = netsurgery("cache", "clear")
    assert cleared.out.startswith("cleared ")
    others = {"notes.txt", f"{'0' * 64}.npz"}
    assert {path.name for path in filled.iterdir()} == others
    assert (filled.parent / FILE).exists()
    assert netsurgery("cache", "clear", "--all").status == 0
    assert not (filled.parent / FILE).exists()
    assert {path.name for path in filled.iterdir()} == others


def test_where_nothing_is_kept_nothing_is_listed(netsurgery, cache_folder: Path) -> None:
    for command in (("cache",), ("cache", "clear", "--all")):
        done = netsurgery(*command)
        assert (done.status, done.err) == (0, "")
        assert str(cache_folder) in done.out
    assert not cache_folder.exists()
    assert not ns.cache()
    refused = netsurgery("cache", "clear", "--older-than", -1)
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)


def test_what_cannot_be_removed_is_named(
    netsurgery, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(FormatError, match="cannot be removed: Permission denied"):
        ns.clear_cache()
    done = netsurgery("cache", "clear")
    assert (done.status, done.out) == (2, "")
    assert "cannot be removed" in done.err


def test_a_run_that_leaves_much_says_so(
    netsurgery, cache_folder: Path, opencv: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cache, "MUCH", 1000)
    first = netsurgery(*THIN, *FITTED)
    (line,) = [one for one in first.err.splitlines() if one.startswith("cache: ")]
    assert line.endswith(f" in {cache_folder}, `netsurgery cache` lists and clears it")
    assert "cache: " not in netsurgery(*THIN, *FITTED).err
    assert "cache: " not in netsurgery(*THIN, *FITTED, "--no-cache").err


def test_what_a_file_holds_is_a_part_of_what_is_sealed(tmp_path: Path) -> None:
    import numpy as np

    store = FolderStore(tmp_path)
    store.keep("a" * 64, {"x": np.arange(3.0)}, "a net on inputs")
    (entry,) = store.entries()
    assert (entry.what, entry.problem) == ("a net on inputs", None)
    found = store.find("a" * 64)
    assert found is not None
    assert list(found) == ["x"]
