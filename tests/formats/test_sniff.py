"""What a file is, told from how it begins."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from weight_files import net_message, seeded, zoo_weights

from netsurgery.formats import schema, sniff


def made(message: str, **fields: Any) -> bytes:
    return schema.message_class(message)(**fields).SerializeToString()


def archive(maker: Any) -> bytes:
    stream = io.BytesIO()
    maker(stream)
    return stream.getvalue()


def zipped(stream: Any) -> None:
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(zipfile.ZipInfo("archive/data.pkl"), b"x")


def tarred(stream: Any) -> None:
    with tarfile.open(fileobj=stream, mode="w") as file:
        file.addfile(tarfile.TarInfo("deploy.prototxt"))


BLOB = schema.message_class("BlobProto")(num=1, channels=3, height=2, width=2, data=range(12))
ONNX = b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:\xff\x01\x0a\x10\x0a\x01x"
ONNX_SHORT = b"\x08\x04:\xff\x01\x0a\x10\x0a\x01x"
GRAPHDEF = b"\x0a\x2a\x0a\x05input\x12\x0bPlaceholder*\x0c\x0a\x05dtype\x12\x03\x30\x01"
LMDB = bytes(16) + b"\xde\xc0\xef\xbe\x01\x00\x00\x00"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n"


@pytest.mark.parametrize(
    ("data", "phrase"),
    [
        (b"", "an empty file"),
        (b" \n\r\n", "an empty file"),
        (LFS, "a Git LFS pointer, not the file it points to; run git lfs pull"),
        (b"<!DOCTYPE html><html>", "an HTML page, so a failed download; download it again"),
        (b"\n\n <HTML lang=en>", "an HTML page"),
        (b'<?xml version="1.0"?><Error/>', "XML"),
        (b"\xef\xbb\xbf<html>", "an HTML page"),
        (json.dumps({"message": "Not Found"}).encode(), "JSON"),
        (json.dumps([{"a": 1}], indent=1).encode(), "JSON"),
        (gzip.compress(b"x", mtime=0), "a gzip file; unpack it first"),
        (archive(zipped), "a zip archive or a PyTorch .pth"),
        (archive(tarred), "a tar archive"),
        (pickle.dumps({"a": 1}, protocol=2), "a Python pickle, perhaps a PyTorch .pth"),
        (pickle.dumps({"a": list(range(99))}, protocol=4), "a Python pickle"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
        (ONNX, "an ONNX model; convert it to Caffe first"),
        (ONNX_SHORT, "an ONNX model"),
        (GRAPHDEF, "a TensorFlow frozen graph"),
        (b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"),
        (LMDB, "an LMDB data base (data.mdb)"),
        (b"\x89PNG\r\n\x1a\n\0", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"\x7fELF\x02", "an ELF program or library"),
        (b'name: "net"\nlayer {', "a prototxt; it may be the other argument"),
        (b'# AlexNet\r\ninput: "data"', "a prototxt"),
        (b"layers\n{\n", "a prototxt"),
        ("name: 'x'".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        (b'net: "train_val.prototxt"\nbase_lr: 0.1', "a solver prototxt; give the net it names"),
        (b"7767517\n75 83\n", "an ncnn .param file"),
        (b"404: Not Found", "a text file, and no prototxt; download it again"),
        (BLOB.SerializeToString(), "a single blob, such as a mean image (.binaryproto)"),
        (made("BlobProto", data=[1.0], shape={"dim": [1]}), "a single blob"),
        (made("SolverState", iter=9, learned_net="a.caffemodel", history=[BLOB]), "a .solverstate"),
        (made("SolverState", iter=9, history=[BLOB, BLOB]), "a .solverstate"),
        (net_message({"a": [seeded(2)]}).SerializeToString(), "a binary .caffemodel"),
        (net_message({"a": [seeded(2)]}, "V1").SerializeToString(), "a binary .caffemodel"),
        (made("NetParameter", input=["data"], input_dim=[1], layers=[{}]), "a binary .caffemodel"),
    ],
)
def test_files_are_described(data: bytes, phrase: str) -> None:
    described = sniff.describe(data)
    assert described
    assert described.startswith(phrase)
    assert ";" in described


@pytest.mark.parametrize("data", [b"\x00" * 64, bytes(range(256)), b"\x1b\x00\xff"])
def test_what_is_not_known_is_not_guessed(data: bytes) -> None:
    assert sniff.describe(data) is None


def test_numpy_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", seeded(3))
    assert sniff.describe((tmp_path / "a.npy").read_bytes()) == (
        "a NumPy .npy file; give the trained .caffemodel"
    )


def test_the_zoo_is_what_it_is(zoo: Path) -> None:
    for path in zoo_weights(zoo, "*.caffemodel"):
        assert head(path) is sniff.CAFFEMODEL
    for path in zoo_weights(zoo, "*.h5"):
        assert head(path) is sniff.HDF5
    assert head(zoo / "cifar10_quick_h5" / "mean.binaryproto") is sniff.BINARYPROTO


def head(path: Path) -> Any:
    with open(path, "rb") as stream:
        return sniff.identify(stream.read(sniff.HEAD))


def test_every_public_prototxt_is_known_as_one(shared: Path) -> None:
    kinds = []
    with tarfile.open(shared / "prototxts.tar.xz") as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            stream = archive.extractfile(member)
            assert stream
            kinds.append(sniff.identify(stream.read(sniff.HEAD)))
    assert len(kinds) == 968
    assert set(kinds) == {sniff.PROTOTXT, sniff.SOLVER}


@given(st.binary(max_size=300))
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    assert sniff.identify(data) is None or sniff.describe(data)
