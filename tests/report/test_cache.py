"""What is kept for later jobs, as a table."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from command_line import tables_in

from netsurgery.jobs import Cache
from netsurgery.measurements import StoredFile
from netsurgery.report.cache import print_cache, size


def test_bytes_are_told_in_three_digits() -> None:
    told = {0: "0 B", 999: "999 B", 1260: "1.26 kB", 120_000_000: "120 MB", 2 << 30: "2.15 GB"}
    assert {number: size(number) for number in told} == told


def test_files_of_one_net_and_inputs_are_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    now, day = time.time(), 24 * 3600
    entries = [
        StoredFile(Path("a.npz"), 1000, now - 9 * day, "net on photos"),
        StoredFile(Path("notes.txt"), 10, now - 1.2 * day, "", "is none of netsurgery's"),
        StoredFile(Path("b.npz"), 2000, now - 60, "net on photos"),
    ]
    print_cache(Cache(Path("cache"), tuple(entries)))
    printed = capsys.readouterr().out
    (rows,) = tables_in(printed)
    assert [list(row.values()) for row in rows] == [
        ["net on photos", "2", "3 kB", "today"],
        ["notes.txt", "1", "10 B", "1 day ago"],
    ]
    assert printed.rstrip().endswith("3.01 kB in cache")
