"""A thinned ShuffleNet v2 at 0.7 of its MACs, without data."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Iterator, Sequence

from benchmarks.comparison.bench import Bench, Command, NotHereError, Row, faster
from benchmarks.seeded import chain_of_convolutions, write_pair

MINUTES = 2.0
WANTED = 20.0
CHAIN = 195
MEMBER = "shufflenet_v2_x0.5.prototxt"


def measure(bench: Bench) -> Iterator[Row]:
    """Time it, and compare what is written; then a chain in which no step may look at all."""
    pair = _pair(bench)
    command = _command("thin", "thin ShuffleNet v2 to 0.7 of its MACs, without data", pair)
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
    layers = CHAIN // bench.setting.model.scale
    command = _command(
        "thin-chain", f"thin a chain of {layers} convolutions likewise", _chain(bench, layers)
    )
    yield faster(command, *bench.both(command, WANTED), None)


def _command(name: str, title: str, pair: Sequence[Path]) -> Command:
    words = ["thin", *pair, "--macs", 0.7, "--no-cache", "--no-verify", "-o", "{out}"]
    return Command(name, title, words)


def _chain(bench: Bench, layers: int) -> Sequence[Path]:
    pair = [bench.setting.work / f"chain-{layers}.{end}" for end in ("prototxt", "caffemodel")]
    if not all(file.exists() for file in pair):
        write_pair(chain_of_convolutions(layers, 16, 16), *pair)
    return pair


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
