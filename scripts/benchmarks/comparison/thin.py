"""A thinned ShuffleNet v2 at 0.7 of its MACs, without data."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Iterator

from benchmarks.comparison.bench import Bench, Command, NotHereError, Row, faster
from benchmarks.seeded import write_pair

MINUTES = 1.5
WANTED = 20.0
MEMBER = "shufflenet_v2_x0.5.prototxt"


def measure(bench: Bench) -> Iterator[Row]:
    """Time it, and compare what is written."""
    pair = _pair(bench)
    words = ["thin", *pair, "--macs", 0.7, "--no-cache", "--no-verify", "-o", "{out}"]
    command = Command("thin", "thin ShuffleNet v2 to 0.7 of its MACs, without data", words)
    ours, theirs = bench.both(command)
    yield faster(command, ours, theirs, WANTED)
    same = all(
        (bench.folder(bench.ours, command) / file.name).read_bytes()
        == (bench.folder(bench.theirs, command) / file.name).read_bytes()
        for file in pair
    )
    yield Row(
        "the same: what is written",
        *("", "", "the same bytes" if same else "other bytes", "the same plan", same),
    )
    yield bench.beside_others(command, ours)


def _pair(bench: Bench) -> tuple[Path, Path]:
    """The prototxt out of its archive, with seeded weights."""
    folder = bench.setting.work / "shufflenet"
    pair = folder / "deploy.prototxt", folder / "net.caffemodel"
    if all(file.exists() for file in pair):
        return pair
    if not bench.prototxts.exists():
        raise NotHereError(f"{bench.prototxts} is not here")
    with tarfile.open(bench.prototxts) as archive:
        for member in archive:
            if member.isfile() and Path(member.name).name == MEMBER:
                text = archive.extractfile(member)
                assert text
                write_pair(text.read(), *pair)
                return pair
    raise NotHereError(f"{bench.prototxts} holds no {MEMBER}")
