"""Files are written complete or not at all, in little memory, and within Caffe's limits."""

from __future__ import annotations

import mmap
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from weight_files import net_message, seeded, shape_bytes

from netsurgery.errors import FormatError
from netsurgery.formats import atomic
from netsurgery.formats.atomic import write_together
from netsurgery.formats.caffemodel import writer as caffemodel_writer
from netsurgery.formats.caffemodel.wire import encode_bytes, encode_prefix
from netsurgery.formats.file_reference import MappedFile
from netsurgery.formats.weights import Blob, LayerWeights, Weights, open_weights
from netsurgery.linalg import blocks


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    path = tmp_path / "net.caffemodel"
    arrays = {"a": [seeded(50, 70)], "b": [seeded(40, 50)]}
    path.write_bytes(net_message(arrays).SerializeToString())
    return open_weights(path)


def text(value: bytes) -> Any:
    return lambda stream: stream.write(value)


def fail(stream: BinaryIO) -> None:
    stream.write(b"half")
    raise KeyboardInterrupt


def test_the_mapped_source_can_be_overwritten(weights: Weights, tmp_path: Path) -> None:
    before = (tmp_path / "net.caffemodel").read_bytes()
    layer = LayerWeights("a", "InnerProduct", (Blob.of(seeded(2, 2)),))
    weights.replace({"a": [layer]}).write(tmp_path / "net.caffemodel")
    assert np.array_equal(weights.blobs("a")[0].array(), seeded(50, 70))
    weights.write(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == before
    changed = open_weights(tmp_path / "net.caffemodel")
    assert np.array_equal(changed.blobs("a")[0].array(), seeded(2, 2))
    assert np.array_equal(changed.blobs("b")[0].array(), seeded(40, 50))


@pytest.mark.parametrize("there", [False, True])
def test_a_failing_writer_leaves_everything_as_it_was(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_together({tmp_path / "a": text(b"new"), tmp_path / "b": fail})
    assert contents(tmp_path) == ({"a": b"old"} if there else {})


@pytest.mark.parametrize("there", [{}, {"a": b"old"}, {"a": b"old", "b": b"older"}])
def test_a_failing_rename_puts_back_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: dict[str, bytes]
) -> None:
    for name, old in there.items():
        (tmp_path / name).write_bytes(old)
    replace = os.replace

    def refuse_b(source: Path, target: Path) -> None:
        if target.name == "b":
            raise OSError(1, "Operation not permitted")
        replace(source, target)

    monkeypatch.setattr(atomic.os, "replace", refuse_b)
    with pytest.raises(FormatError, match="b: cannot write: Operation not permitted; nothing was"):
        write_together({tmp_path / "a": text(b"new"), tmp_path / "b": text(b"new")})
    assert contents(tmp_path) == there


def test_all_files_are_there_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    write_together({tmp_path / "a": text(b"1"), str(tmp_path / "b"): text(b"2")})
    assert contents(tmp_path) == {"a": b"1", "b": b"2"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_permissions_are_those_of_the_old_file_or_of_the_umask(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"")
    (tmp_path / "old").chmod(0o640)
    (tmp_path / "plain").write_bytes(b"")
    write_together({tmp_path / "old": text(b"x"), tmp_path / "new": text(b"x")})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["old"] == 0o640
    assert modes["new"] == modes["plain"]


def test_a_symbolic_link_keeps_pointing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "real")
    write_together({tmp_path / "link": text(b"x")})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "real").read_bytes() == b"x"


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", "/dev/null"):
        with pytest.raises(FormatError, match="it is there and is no regular file"):
            write_together({path: text(b"x")})
    with pytest.raises(FormatError, match=r"its folder does not exist; make .*absent"):
        write_together({tmp_path / "absent" / "x": text(b"x")})
    with pytest.raises(FormatError, match="two outputs would be the same file"):
        write_together({tmp_path / "x": text(b"x"), tmp_path / "folder" / ".." / "x": text(b"y")})


FULL_DISK = """
import resource, sys
from netsurgery.errors import FormatError
from netsurgery.formats.convert import convert_weights
from netsurgery.formats.weights import open_weights
weights = open_weights(sys.argv[1])
if sys.argv[3] == "hdf5":
    weights = convert_weights(weights, "hdf5")
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
try:
    weights.write(sys.argv[2])
except FormatError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["caffemodel", "hdf5"])
def test_a_full_disk_leaves_nothing(weights: Weights, tmp_path: Path, kind: str) -> None:
    assert weights.file
    (tmp_path / "old").write_bytes(b"old")
    for target in ("old", "new"):
        ran = subprocess.run(
            [sys.executable, "-c", FULL_DISK, weights.file, str(tmp_path / target), kind],
            capture_output=True,
            text=True,
        )
        assert ran.stdout.startswith(f"{tmp_path / target}: cannot write: "), ran.stderr
        assert ran.stdout.count("\n") == 1
    assert sorted(contents(tmp_path)) == ["net.caffemodel", "old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_more_than_caffe_reads_is_refused_before_a_byte_is_written(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caffemodel_writer, "CAFFE_LIMIT", weights.size() - 1)
    with pytest.raises(FormatError, match=r"the file would have 22,0\d\d bytes, and Caffe reads"):
        weights.write(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    weights.write(tmp_path / "out", allow_huge=True)
    assert (tmp_path / "out").stat().st_size == weights.size()
    monkeypatch.setattr(caffemodel_writer, "CAFFE_LIMIT", weights.size())
    weights.write(tmp_path / "out")


def test_the_limit_is_caffes() -> None:
    assert np.iinfo(np.int32).max == caffemodel_writer.CAFFE_LIMIT


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """A caffemodel of 3 GB that fills no disk: one blob is a hole."""
    count = 750_000_000
    data = encode_prefix(5, 4 * count)
    shape = encode_bytes(7, shape_bytes([1, count]))
    blob = encode_prefix(7, len(data) + 4 * count + len(shape)) + data
    head = encode_bytes(1, b"big")
    tail = shape + encode_bytes(3, b"bottom")
    layer = encode_prefix(100, len(head) + len(blob) + 4 * count + len(tail)) + head + blob
    small = net_message({"small": [seeded(3)]}).layer[0].SerializeToString()
    path = tmp_path / "huge.caffemodel"
    with open(path, "wb") as stream:
        stream.write(layer)
        stream.seek(4 * count, os.SEEK_CUR)
        stream.write(tail + encode_bytes(100, small))
    return path


def test_files_beyond_two_gigabytes_open_without_being_read(huge: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = open_weights(huge)
    (blob,) = weights.blobs("big")
    assert (blob.shape, blob.count) == ((1, 750_000_000), 750_000_000)
    assert np.array_equal(weights.blobs("small")[0].array(), seeded(3))
    assert weights.size() == huge.stat().st_size > 3_000_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
    with pytest.raises(FormatError, match=r"write HDF5 \(.caffemodel.h5\) instead"):
        weights.write(huge.with_name("copy"))
    assert weights.replace({"big": []}).size() < 100


def test_sizes_beyond_two_gigabytes_are_encoded(huge: Path) -> None:
    weights = open_weights(huge)
    renamed = LayerWeights("renamed", None, weights.blobs("big"))
    assert weights.replace({"big": [renamed]}).size() == huge.stat().st_size + 4 - 8


MEMORY = """
import resource, sys
from netsurgery.formats.weights import Blob, LayerWeights, open_weights
weights = open_weights(sys.argv[1])
changed = weights.replace({"b": [LayerWeights("b", None, (Blob.of([1.0, 2.0]),))]})
anonymous = lambda: int(next(
    line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon")))
before = anonymous()
changed.write(sys.argv[2])
print(anonymous() - before)
"""


def test_writing_holds_no_layer_in_memory(tmp_path: Path) -> None:
    layers = [LayerWeights("a", None, (Blob.of(seeded(5000, 3000)),)), LayerWeights("b", None, ())]
    Weights.of(layers).write(tmp_path / "net")
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "net"), str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 10_000, "of the 60,000 KiB of the file"


def test_what_is_read_of_a_file_is_let_go_block_by_block(tmp_path: Path, monkeypatch: Any) -> None:
    """By whoever reads blobs in blocks, and where layers are written as they are."""
    monkeypatch.setattr(blocks, "LARGE", 1000)
    path, copy = tmp_path / "a.caffemodel", tmp_path / "b.caffemodel"
    layer = LayerWeights("ip", "InnerProduct", (Blob.of(seeded(400, 50)),))
    Weights.of([layer]).write(path)
    let_go: list[tuple[int, int]] = []
    monkeypatch.setattr(
        MappedFile,
        "madvise",
        lambda self, advice, start, length: let_go.append((start, length)),
        raising=False,
    )
    weights = open_weights(path)
    list(weights.blobs("ip")[0].blocks())
    weights.write(copy)
    assert copy.read_bytes() == path.read_bytes()
    assert len(let_go) == 2
    assert all(start % mmap.PAGESIZE == 0 for start, _ in let_go)
    assert all(0 < length <= path.stat().st_size - start for start, length in let_go)
