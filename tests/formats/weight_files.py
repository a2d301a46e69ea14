"""Weights files for the tests, made by protobuf and not by what is tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool

from netsurgery.formats import schema

FIELD = descriptor_pb2.FieldDescriptorProto
BLVC_BLOB = schema.message_class("BlobProto")


def zoo_weights(zoo: Path, pattern: str = "*.caffemodel*") -> list[Path]:
    return sorted(zoo.glob(f"*/{pattern}"))


def zoo_pairs(zoo: Path) -> list[tuple[Path, Path]]:
    """The pairs that real Caffe loads, by the zoo's own table."""
    rows = [line.split("|") for line in (zoo / "INDEX.md").read_text().splitlines()]
    cells = [[cell.strip() for cell in row] for row in rows if len(row) == 13]
    return [(zoo / Path(row[1]).parent / row[2], zoo / row[1]) for row in cells if row[9] == "yes"]


def dialect_blob(*fields: tuple[int, str, int, int, bool]) -> Any:
    """The class of a message with the given (number, name, type, label, packed) fields."""
    file = descriptor_pb2.FileDescriptorProto(name="dialect.proto", package="dialect")
    message = file.message_type.add(name="Blob")
    for number, name, kind, label, packed in fields:
        field = message.field.add(number=number, name=name, type=kind, label=label)
        field.options.packed = packed
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return schema._class_of(pool.FindMessageTypeByName("dialect.Blob"))


def one_of(number: int, name: str, kind: int) -> tuple[int, str, int, int, bool]:
    return number, name, kind, FIELD.LABEL_OPTIONAL, False


def many_of(number: int, name: str, kind: int, packed: bool) -> tuple[int, str, int, int, bool]:
    return number, name, kind, FIELD.LABEL_REPEATED, packed


C3D_BLOB = dialect_blob(
    one_of(1, "num", FIELD.TYPE_INT32),
    one_of(2, "channels", FIELD.TYPE_INT32),
    one_of(3, "length", FIELD.TYPE_INT32),
    one_of(4, "height", FIELD.TYPE_INT32),
    one_of(5, "width", FIELD.TYPE_INT32),
    many_of(6, "data", FIELD.TYPE_FLOAT, True),
    many_of(7, "diff", FIELD.TYPE_FLOAT, True),
)
NVIDIA_BLOB = dialect_blob(
    one_of(7, "shape", FIELD.TYPE_BYTES),
    one_of(10, "raw_data_type", FIELD.TYPE_INT32),
    one_of(12, "raw_data", FIELD.TYPE_BYTES),
)
UNPACKED_BLOB = dialect_blob(
    many_of(5, "data", FIELD.TYPE_FLOAT, False),
    one_of(7, "shape", FIELD.TYPE_BYTES),
    many_of(8, "double_data", FIELD.TYPE_DOUBLE, False),
)


def shape_bytes(shape: Sequence[int]) -> bytes:
    return schema.message_class("BlobShape")(dim=shape).SerializeToString()


def blob_message(values: np.ndarray) -> Any:
    """A BlobProto as Caffe writes it."""
    message = BLVC_BLOB(data=values.ravel().tolist())
    message.shape.dim.extend(values.shape)
    return message


def net_message(layers: dict[str, Sequence[np.ndarray]], version: str = "V2") -> Any:
    """A NetParameter of InnerProduct layers in any version."""
    net = schema.NetParameter(name="net")
    for name, arrays in layers.items():
        layer = net.layer.add() if version == "V2" else net.layers.add()
        layer.bottom.append("data")
        owner = layer.layer if version == "V0" else layer
        owner.name = name
        owner.type = {"V2": "InnerProduct", "V1": 14, "V0": "innerproduct"}[version]
        owner.blobs.extend(blob_message(values) for values in arrays)
    return net


def file_with_blob(blob: bytes, name: bytes = b"net") -> bytes:
    """A caffemodel of one layer called ``ip`` with that one blob, however strange it is."""
    layer = b"\x0a\x02ip" + b"\x3a" + length(blob) + blob
    return b"\x0a" + length(name) + name + b"\xa2\x06" + length(layer) + layer


def length(payload: bytes) -> bytes:
    """The length prefix of a payload, as protobuf writes it."""
    wrapped = schema.message_class("Datum")(data=payload).SerializeToString()
    return wrapped[1 : len(wrapped) - len(payload)]


def seeded(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
