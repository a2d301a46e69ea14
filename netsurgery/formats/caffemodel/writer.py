"""The .caffemodel writer: streams what did not change, encodes what did."""

from __future__ import annotations

from typing import BinaryIO, Iterable, Iterator, Optional, Union

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats.blob import SHARED, Blob, Extent, LayerWeights
from netsurgery.formats.caffemodel.blobproto import (
    DATA,
    DOUBLE_DATA,
    LEGACY_AXES,
    RAW_DATA,
    RAW_FLOAT16,
    RAW_TYPE,
    SHAPE,
)
from netsurgery.formats.caffemodel.scanner import LAYOUTS, NET_NAME, Layout, Part
from netsurgery.formats.caffemodel.wire import (
    VARINT,
    encode_bytes,
    encode_prefix,
    encode_tag,
    encode_varint,
)
from netsurgery.formats.upgrade.layer_types import V0_TYPES, V1_TYPES
from netsurgery.linalg import let_go

CAFFE_LIMIT = 2_147_483_647
_BLOCK = 1 << 24
_DTYPES: dict[int, np.dtype] = {
    DATA: np.dtype("<f4"),
    DOUBLE_DATA: np.dtype("<f8"),
    RAW_DATA: np.dtype("<f2"),
}
_FIELDS = {"float64": DOUBLE_DATA, "float16": RAW_DATA}
_V0_NAMES = {name: old for old, name in V0_TYPES.items()}

# What a file is written from: bytes, bytes of another file, or the numbers of a blob.
Piece = Union[bytes, Extent, Blob]


def pieces_of(parts: Iterable[Part], version: str) -> list[Piece]:
    """What the file consists of, in order, without any blob's numbers in memory.

    Raises:
        FormatError: That version cannot hold one of the layers.
    """
    pieces: list[Piece] = []
    for part in parts:
        if isinstance(part, Extent):
            pieces.append(part)
        elif part.extent is not None and part.extent.version == version:
            pieces.append(part.extent)
        else:
            pieces.extend(_layer_pieces(part, version))
    return pieces


def net_name(name: str) -> Extent:
    """The field that names the net."""
    field = encode_bytes(NET_NAME, _encoded(name))
    return Extent(field, 0, len(field))


def size_of(pieces: Iterable[Piece]) -> int:
    """How many bytes they fill."""
    return sum(_size(piece) for piece in pieces)


def write_pieces(pieces: Iterable[Piece], stream: BinaryIO) -> None:
    """Write them one after the other, in blocks."""
    for piece in pieces:
        for block in _blocks(piece):
            stream.write(block)


def require_readable(size: int, file: Optional[object] = None) -> None:
    """Refuse what Caffe could not read back.

    Raises:
        FormatError: `size` is over Caffe's 2 GiB.
    """
    if size > CAFFE_LIMIT:
        raise FormatError(
            f"the file would have {size:,} bytes, and Caffe reads at most {CAFFE_LIMIT:,}",
            file=file,
            remedy="write HDF5 (.caffemodel.h5) instead, or allow a huge file for other readers",
        )


def _layer_pieces(layer: LayerWeights, version: str) -> list[Piece]:
    layout = LAYOUTS[version]
    head = encode_bytes(layout.name, _encoded(layer.name))
    head += _encoded_type(layer, version, layout)
    body: list[Piece] = [head]
    for index, blob in enumerate(layer.blobs):
        if blob is SHARED:
            raise FormatError(f"blob {index} is not stored: {blob.note}", layer=layer.name)
        body.extend(_blob_pieces(blob, layout.blobs))
    if layout.inner is not None:
        body.insert(0, encode_prefix(layout.inner, size_of(body)))
    return [encode_prefix(layout.layer, size_of(body)), *body]


def _encoded_type(layer: LayerWeights, version: str, layout: Layout) -> bytes:
    """The type field; V1 has numbers for its own types only, and Caffe does not need it there."""
    if layer.type is None:
        return b""
    if version == "V1":
        known = layer.type in V1_TYPES
        number = encode_varint(V1_TYPES.index(layer.type)) if known else b""
        return encode_tag(layout.type, VARINT) + number if known else b""
    if version == "V0" and layer.type not in _V0_NAMES:
        raise FormatError(
            f"a V0 file cannot hold a layer of type {layer.type}",
            layer=layer.name,
            remedy="upgrade the model first",
        )
    text = _V0_NAMES[layer.type] if version == "V0" else layer.type
    return encode_bytes(layout.type, _encoded(text))


def _blob_pieces(blob: Blob, number: int) -> list[Piece]:
    """The fields in the order of their numbers, as protobuf and so Caffe write them."""
    field, dtype = _stored(blob)
    length = blob.count * dtype.itemsize
    data = encode_prefix(field, length) if length else b""
    if field == RAW_DATA:
        data = encode_tag(RAW_TYPE, VARINT) + encode_varint(RAW_FLOAT16) + data
    shape = _encoded_shape(blob)
    shape_first = blob.legacy or field > SHAPE
    before, behind = (shape + data, b"") if shape_first else (data, shape)
    whole = len(before) + length + len(behind)
    return [encode_prefix(number, whole) + before, blob, behind]


def _encoded_shape(blob: Blob) -> bytes:
    """A legacy shape stays legacy: as a shape of four axes Caffe would refuse it for a vector."""
    if blob.legacy:
        return b"".join(
            encode_tag(axis, VARINT) + encode_varint(dim)
            for axis, dim in zip(LEGACY_AXES, blob.shape)
        )
    dims = b"".join(encode_varint(dim) for dim in blob.shape)
    return encode_bytes(SHAPE, encode_bytes(1, dims) if dims else b"")


def _stored(blob: Blob) -> tuple[int, np.dtype]:
    """The field and the dtype a blob is written in: float32 unless it is in half or in double.

    Half is what NVIDIA's Caffe and OpenCV read; stock Caffe takes such a blob for an empty one.
    """
    field = _FIELDS.get(blob.storage, DATA)
    return field, _DTYPES[field]


def _size(piece: Piece) -> int:
    if isinstance(piece, Extent):
        return piece.stop - piece.start
    if isinstance(piece, Blob):
        return piece.count * _stored(piece)[1].itemsize
    return len(piece)


def _blocks(piece: Piece) -> Iterator[Union[bytes, memoryview]]:
    if isinstance(piece, bytes):
        yield piece
    elif isinstance(piece, Extent):
        whole = piece.whole()
        for start in range(piece.start, piece.stop, _BLOCK):
            part = whole[start : min(start + _BLOCK, piece.stop)]
            yield part
            let_go(np.asarray(part))
    else:
        dtype = _stored(piece)[1]
        for block in piece.blocks():
            with np.errstate(over="ignore"):
                yield np.ascontiguousarray(block, dtype).view(np.uint8).data


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
