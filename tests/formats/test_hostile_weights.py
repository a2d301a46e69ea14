"""Bad files are refused in one line that says what they are; nothing crashes, hangs or swells."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from weight_files import BLVC_BLOB, UNPACKED_BLOB, length, net_message, seeded

from netsurgery.errors import FormatError
from netsurgery.formats import schema
from netsurgery.formats.caffemodel.binaryproto import read_mean
from netsurgery.formats.caffemodel.scanner import scan
from netsurgery.formats.weights import open_weights

V2 = net_message({"a": [seeded(2, 3), seeded(2)], "b": [seeded(3)]}).SerializeToString()
V1 = net_message({"a": [seeded(2, 3)]}, "V1").SerializeToString()
V0 = net_message({"a": [seeded(2, 3)]}, "V0").SerializeToString()
LAST = len(V2) - len(net_message({"b": [seeded(3)]}).SerializeToString()) + 5
UNNAMED = V2[5:]
ONNX = b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:\xff\x01\x0a\x10\x0a\x01x"
WITHOUT_BLOBS = net_message({"a": [], "b": []}).SerializeToString()
DEEP = b"\xa2\x06\x01\x0b"

HOSTILE = {
    "empty": (b"", "this is an empty file, not a .caffemodel; download or copy it again"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\n",
        "Git LFS pointer, .*; run git lfs pull",
    ),
    "html": (b"<!DOCTYPE html><html></html>", "an HTML page, so a failed download, not"),
    "xml": (b"<?xml version='1.0'?>", "this is XML, not"),
    "json": (b'{"message": "Not Found"}', "this is JSON, not"),
    "gzip": (gzip.compress(V2, mtime=0), "a gzip file, not a .caffemodel; unpack it first"),
    "zip": (b"PK\x03\x04" + V2, "a zip archive or a PyTorch .pth"),
    "onnx": (ONNX, "an ONNX model, not a .caffemodel; convert it"),
    "prototxt": (
        b'name: "net"\nlayer { }\n',
        "this is a prototxt, .* it may be the other argument",
    ),
    "mean": (BLVC_BLOB(num=1, data=[1]).SerializeToString(), "a single blob, such as a mean"),
    "cut in a layer": (V2[:-30], f"field at byte {LAST} needs .* it is damaged or cut; download"),
    "cut in a tag": (V2 + b"\xa2", "the number at byte .* is cut"),
    "joined": (V2 + V2, f"two caffemodels joined at byte {len(V2)}; cut it there"),
    "joined with another": (V2 + net_message({"z": [seeded(1)]}).SerializeToString(), "joined at"),
    "joined without names": (UNNAMED * 2, f"two caffemodels joined at byte {len(UNNAMED)};"),
    "joined and cut": (UNNAMED + net_message({"a": [seeded(9)]}).SerializeToString()[5:], "joined"),
    "V1 after V2": (
        UNNAMED + V1[5:],
        "V1 layers follow V2 layers at byte .* two files were joined",
    ),
    "V0 after V1": (V1 + V0[5:], "V0 layers follow V1 layers at byte"),
    "no layer": (b"\x0a\x03net", "no layer in it has weights; give the weights of a trained net"),
    "no blob": (WITHOUT_BLOBS, "no layer in it has weights"),
    "zeros": (bytes(100), "field number 0 at byte 0 does not exist; it is damaged"),
    "mangled line ends": (V2.replace(b"\n", b"\r\n"), "byte"),
    "byte order mark": (b"\xef\xbb\xbf" + V2, "byte"),
    "a group": (DEEP * 1000, "field 1 at byte 3 has wire type 3, unknown to Caffe"),
    "many layers": (b"\xa2\x06\x00" * 70_000, "more than 65,536 layers and blobs at byte"),
    "many blobs": (b"\xa2\x06" + length(b"x" * 140_000) + b"\x3a\x00" * 70_000, "more than 65,536"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_one_line_says_what_it_is_and_what_to_do(tmp_path: Path, case: str) -> None:
    data, problem = HOSTILE[case]
    path = tmp_path / "net.caffemodel"
    path.write_bytes(data)
    with pytest.raises(FormatError, match=problem) as caught:
        open_weights(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "; " in text
    assert "\n" not in text


def test_what_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"absent: cannot read: No such file or directory"):
        open_weights(tmp_path / "absent")
    with pytest.raises(FormatError, match="cannot read: Is a directory"):
        open_weights(tmp_path)


def test_layers_of_one_name_are_no_joined_files(tmp_path: Path) -> None:
    net = net_message({"data": [], "ip": [seeded(2)]})
    net.layer.insert(0, net.layer[0])
    (tmp_path / "net").write_bytes(net.SerializeToString())
    assert [layer.name for layer in open_weights(tmp_path / "net").layers] == ["data", "data", "ip"]


def test_nan_and_infinity_are_read_and_counted(tmp_path: Path) -> None:
    net = net_message({"a": [np.float32([np.nan, 1, np.inf])]})
    (tmp_path / "net").write_bytes(net.SerializeToString())
    (blob,) = open_weights(tmp_path / "net").blobs("a")
    assert blob.count_nonfinite() == 2


@pytest.mark.parametrize("whole", [V2, V1, V0], ids=["V2", "V1", "V0"])
def test_a_file_cut_anywhere_is_refused_or_ends_with_a_layer(whole: bytes, tmp_path: Path) -> None:
    ends = {5, *(layer.extent.stop for layer in scan(whole).parts if hasattr(layer, "extent"))}
    for stop in range(1, len(whole)):
        try:
            scan(whole[:stop])
        except FormatError:
            continue
        assert stop in ends


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_a_format_error(tmp_path: Path, data: st.DataObject) -> None:
    source = bytearray(data.draw(st.sampled_from([V2, V1, V0])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(source)))
        cut = data.draw(st.integers(0, 4))
        source[at : at + cut] = data.draw(st.binary(max_size=4))
    check(tmp_path / "net", bytes(source))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x0a\x00", b"\xa2\x06", b"\x12"]))
def test_any_bytes_are_weights_or_a_format_error(tmp_path: Path, data: bytes, head: bytes) -> None:
    check(tmp_path / "net", head + data)


def check(path: Path, data: bytes) -> None:
    """What opens can also be read, and written back as it was."""
    path.write_bytes(data)
    try:
        weights = open_weights(path)
    except FormatError:
        return
    for layer in weights.layers:
        for blob in layer.blobs:
            assert blob.array().shape == blob.shape
    weights.write(path.with_name("again"))
    assert path.with_name("again").read_bytes() == data


def swollen() -> dict[str, bytes]:
    """Files that ask for far more than they hold, or hold it in crumbs."""
    crumbs = b"\x2a\x04abcd" * 20_000 + b"\x2a\x00" * 20_000
    mixed = UNPACKED_BLOB(data=[1] * 20_000, double_data=[1] * 20_000).SerializeToString()
    huge = b"\x3a\x0b\x0a\x09" + b"\xff" * 8 + b"\x7f"
    dims = b"\x3a\x02\x08\x01" * 20_000
    return {
        "chunks": wrap(crumbs + b"\x3a\x05\x0a\x03\xa0\x9c\x01"),
        "wrong count": wrap(crumbs),
        "doubles and floats": wrap(mixed),
        "huge dimension": wrap(huge + bytes(100)),
        "many dimensions": wrap(dims),
        "unknown fields": V2 + b"\xfa\x3f\x01x" * 20_000,
        "long name": b"\x0a" + length(bytes(400_000)) + bytes(400_000) + V2,
    }


def wrap(blob: bytes) -> bytes:
    layer = b"\x0a\x02ip\x3a" + length(blob) + blob
    return b"\xa2\x06" + length(layer) + layer


@pytest.mark.parametrize("case", swollen())
def test_memory_is_a_small_multiple_of_the_file(tmp_path: Path, case: str) -> None:
    data = swollen()[case]
    path = tmp_path / "net"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        read_all(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Chunks of one float cost 24 bytes of index for 6 of file, and their array 4 more.
    assert peak < 8 * len(data) + 100_000


def read_all(path: Path) -> None:
    try:
        weights = open_weights(path)
    except FormatError:
        return
    for layer in weights.layers:
        for blob in layer.blobs:
            blob.array()


def test_crumbs_cost_a_bounded_sum(tmp_path: Path) -> None:
    path = tmp_path / "net"
    path.write_bytes(b"\xa2\x06\x00" * 65_000)
    tracemalloc.start()
    try:
        read_all(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_mean_images(zoo: Path, tmp_path: Path) -> None:
    path = zoo / "cifar10_quick_h5" / "mean.binaryproto"
    message = schema.message_class("BlobProto").FromString(path.read_bytes())
    mean = read_mean(path)
    assert (mean.shape, mean.dtype) == ((3, 32, 32), np.float32)
    assert np.array_equal(mean.ravel(), np.float32(message.data))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "this is an empty file, not a mean image"),
        (V2, "this is a binary .caffemodel, not a mean image"),
        (b"\x89PNG\r\n\x1a\n", "this is a PNG image, not a mean image"),
        (
            BLVC_BLOB(num=2, channels=1, height=1, width=1, data=[1, 2]).SerializeToString(),
            "not one",
        ),
        (BLVC_BLOB(num=1, channels=1, height=1, width=3, data=[1]).SerializeToString(), "holds 1"),
    ],
)
def test_bad_mean_images(tmp_path: Path, data: bytes, problem: str) -> None:
    (tmp_path / "mean").write_bytes(data)
    with pytest.raises(FormatError, match=problem) as caught:
        read_mean(tmp_path / "mean")
    assert str(caught.value).startswith(f"{tmp_path / 'mean'}: ")
    with pytest.raises(FormatError, match="cannot read"):
        read_mean(tmp_path / "absent")
