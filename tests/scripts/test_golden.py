"""scripts/golden says what is written otherwise, and is silent about the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from goldens.comparing import compare

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def folder_of(place: Path, **files: object) -> Path:
    place.mkdir()
    for name, content in files.items():
        suffix = "caffemodel" if isinstance(content, bytes) else "json"
        written = content if isinstance(content, bytes) else json.dumps(content).encode()
        (place / f"{name}.{suffix}").write_bytes(written)
    return place


def test_equal_folders_have_no_differences(tmp_path: Path) -> None:
    report = {"versions": {"netsurgery": "0.1"}, "edits": [{"rank": 3, "loss": 0.25}]}
    old = folder_of(tmp_path / "old", net=b"abc\0", report=report)
    new = folder_of(tmp_path / "new", net=b"abc\0", report={**report, "versions": {}})
    assert compare(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"net": b"ab\0c"}, {"net": b"ab\0d"}, "net.caffemodel: differs from byte 3 on (4 bytes)"),
        ({"net": b"a\nb"}, {"net": b"a\nbc"}, "net.caffemodel: differs from line 2 on (3 and 4"),
        ({"net": b"a"}, {}, "net.caffemodel: no longer written"),
        ({}, {"net": b"a"}, "net.caffemodel: new"),
        ({"report": {"a": [1, 2]}}, {"report": {"a": [1, 3]}}, "report.json: a[1] 2 -> 3"),
        ({"report": {"a": 1}}, {"report": {"a": 1.0}}, "report.json: a 1 -> 1.0"),
        ({"report": {"a": 1}}, {"report": {"b": 1}}, "report.json: a 1 -> (absent)"),
        ({"report": [1]}, {"report": [1, 2]}, "report.json: the whole [1] -> [1, 2]"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, old: dict, new: dict, said: str) -> None:
    faults = compare(folder_of(tmp_path / "old", **old), folder_of(tmp_path / "new", **new))
    assert faults[0].startswith(said)


def test_reports_can_be_left_out(tmp_path: Path) -> None:
    old = folder_of(tmp_path / "old", net=b"a", report={"a": 1})
    new = folder_of(tmp_path / "new", net=b"b", report={"a": 2})
    assert len(compare(old, new)) == 2
    assert compare(old, new, reports=False) == ["net.caffemodel: differs from line 1 on (1 bytes)"]


def golden(cache: Path, *more: str) -> subprocess.CompletedProcess:
    command: List[str] = [sys.executable, str(SCRIPTS / "golden"), "--cache", str(cache), *more]
    # Asked to stay in the environment that the tests run in.
    environment = {"NETSURGERY_GOLDEN_ENTERED": "1", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_a_tree_writes_what_its_own_commit_writes_and_a_change_is_seen(tmp_path: Path) -> None:
    if not (SCRIPTS.parent / ".git").exists():
        pytest.skip("needs the checkout's history")
    asked = ("--against", "HEAD", "--only", "digits/convert")
    done = golden(tmp_path, *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 write what" in done.stdout

    (kept,) = tmp_path.rglob("half.caffemodel")
    kept.write_bytes(kept.read_bytes()[:-1] + b"\x7f")
    done = golden(tmp_path, *asked)
    assert done.returncode == 1
    assert "half.caffemodel: differs from byte" in done.stdout


def test_what_cannot_run_ends_with_two(tmp_path: Path) -> None:
    for asked in (["--against", "no-such-branch"], ["--against", "HEAD", "--only", "no-case"]):
        assert golden(tmp_path, *asked).returncode == 2
