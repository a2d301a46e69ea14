"""The weights of a net: opened without reading them, changed without copying them."""

from __future__ import annotations

import mmap
import os
from copy import copy
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Iterable,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from netsurgery.errors import FormatError
from netsurgery.formats import sniff
from netsurgery.formats.blob import Blob, LayerWeights
from netsurgery.formats.caffemodel.scanner import Part, scan
from netsurgery.formats.digest import sha256
from netsurgery.formats.file_reference import MappedFile, map_file
from netsurgery.linalg import let_go

if TYPE_CHECKING:
    from netsurgery.formats.atomic import AnyPath
    from netsurgery.formats.caffemodel.writer import Piece

__all__ = ["Blob", "LayerWeights", "Weights", "open_weights"]


class WholeFile(NamedTuple):
    """A caffemodel as it was when it was opened.

    Attributes:
        path: Where it is.
        stamp: What tells whether it was changed since, see `stamp_of`.
        layers: What it holds.
        data: Its bytes, mapped.
    """

    path: str
    stamp: tuple[int, ...]
    layers: tuple[LayerWeights, ...]
    data: Union[bytes, MappedFile]

    def let_go(self) -> None:
        """Have its pages count no more for this process; they come back when they are read."""
        if isinstance(self.data, MappedFile) and hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED)

    def is_as_it_was(self) -> bool:
        """Return whether the file is still there, and the same."""
        try:
            return stamp_of(self.path) == self.stamp
        except OSError:
            return False


def stamp_of(file: str) -> tuple[int, ...]:
    """Return what changes where a file is changed, or another put in its place.

    Raises:
        OSError: It is not there.
    """
    found = os.stat(file)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Weights:
    """The layers of a weights file, in its order. Immutable; shares every untouched byte.

    Attributes:
        file: Where it was read from, or None.
        format: ``"caffemodel"`` or ``"hdf5"``.
        version: The layout of its layers: ``"V2"``, ``"V1"`` or ``"V0"``.
        name: The net's name.
        gzip: Whether it is compressed when it is written; HDF5 only.
        whole_file: The file that all its layers come from that were not changed, or None.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        name: str = "",
        version: str = "V2",
        format: str = "caffemodel",  # noqa: A002
        file: Optional[str] = None,
        gzip: bool = False,
    ) -> None:
        self._parts = tuple(parts)
        self.name = name
        self.version = version
        self.format = format
        self.file = file
        self.gzip = gzip
        self.whole_file: Optional[WholeFile] = None
        self._by_name: dict[str, list[LayerWeights]] = {}
        for layer in self.layers:
            self._by_name.setdefault(layer.name, []).append(layer)

    @cached_property
    def layers(self) -> tuple[LayerWeights, ...]:
        """Its layers."""
        return tuple(part for part in self._parts if isinstance(part, LayerWeights))

    @classmethod
    def of(cls, layers: Iterable[LayerWeights], name: str = "", *, version: str = "V2") -> Weights:
        """Weights of the given layers, to be written as a caffemodel of that version."""
        from netsurgery.formats.caffemodel.writer import net_name

        return cls([net_name(name), *layers], name=name, version=version)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def find(self, name: str) -> tuple[LayerWeights, ...]:
        """All layers of that name, in the order of the file."""
        return tuple(self._by_name.get(name, ()))

    def blobs(self, name: str) -> tuple[Blob, ...]:
        """What Caffe would load into the layer of that name; empty when there is none.

        Caffe copies every layer of the file into the first layer of the net with its name, so of
        several with one name the last wins. (It aborts when their numbers of blobs differ.)
        """
        found = self.find(name)
        return found[-1].blobs if found else ()

    @cached_property
    def digest(self) -> str:
        """A sha256 of all that Caffe would load, the same whatever file or order holds it.

        Blobs are read when it is first asked for; weights that share blobs share that work.
        """
        layers = sorted((one for one in self.layers if one.blobs), key=lambda one: one.name)
        return sha256("".join(one.digest for one in layers).encode()).hexdigest()

    @cached_property
    def count(self) -> int:
        """How many numbers they are."""
        return sum(blob.count for layer in self.layers for blob in layer.blobs)

    def replace(self, changes: Mapping[str, Sequence[LayerWeights]]) -> Weights:
        """Weights in which the named layers have given way to others.

        All layers of a name go; the new ones stand at the place of the first.

        Raises:
            FormatError: A name is not there, or a new layer has the name of one that stays.
        """
        self._require_replaceable(changes)
        if all(
            len(self._by_name[name]) == len(layers) == 1 and layers[0].name == name
            for name, layers in changes.items()
        ):
            return self._with_others(changes)
        parts: list[Part] = []
        waiting = dict(changes)
        for part in self._parts:
            if isinstance(part, LayerWeights) and part.name in changes:
                parts.extend(waiting.pop(part.name, ()))
            else:
                parts.append(part)
        return self._with(parts)

    def halved(self) -> Weights:
        """The same in float16, but for blobs that it cannot hold; see `netsurgery.formats.half`."""
        from netsurgery.formats.half import halved_layer

        return self._with(
            [halved_layer(part) if isinstance(part, LayerWeights) else part for part in self._parts]
        )

    def _with_others(self, changes: Mapping[str, Sequence[LayerWeights]]) -> Weights:
        """Weights in which one layer for each of some names gives way to another of that name.

        Names and places stay, so this costs no look at every layer.
        """
        found = copy(self)
        found.whole_file = self.whole_file  # a copy is a pickle, which leaves it out
        for known in ("layers", "digest", "count"):
            vars(found).pop(known, None)
        parts, found._by_name = list(self._parts), {**self._by_name}
        for name, layers in changes.items():
            parts[self._parts.index(self._by_name[name][0])] = layers[0]
            found._by_name[name] = list(layers)
        found._parts = tuple(parts)
        return found

    def _with(self, parts: Sequence[Part]) -> Weights:
        found = Weights(
            parts,
            name=self.name,
            version=self.version,
            format=self.format,
            file=self.file,
            gzip=self.gzip,
        )
        found.whole_file = self.whole_file
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the file: elsewhere it may be another, and layers say where they lie."""
        return {**vars(self), "whole_file": None}

    def _require_replaceable(self, changes: Mapping[str, Sequence[LayerWeights]]) -> None:
        for name, layers in changes.items():
            if name not in self:
                raise FormatError("is not in the weights", file=self.file, layer=name)
            for layer in layers:
                if layer.name in self and layer.name not in changes:
                    raise FormatError("is in the weights already", file=self.file, layer=layer.name)

    def let_go(self) -> None:
        """Take what was read of a mapped file out of memory: it can be read again."""
        for layer in self.layers:
            if layer.extent is not None:
                let_go(layer.extent.part(0, layer.extent.stop - layer.extent.start))

    def size(self) -> int:
        """Bytes these weights fill when they are written; in HDF5 not counting what gzip saves."""
        if self.format == "hdf5":
            from netsurgery.formats.hdf5.writer import size_of

            return size_of(self.layers)
        from netsurgery.formats.caffemodel import writer

        return writer.size_of(self._pieces())

    def write(
        self,
        path: AnyPath,
        *,
        allow_huge: bool = False,
        float16: bool = False,
        gzip: bool = False,
    ) -> None:
        """Write the file, complete or not at all; it may be the one these weights came from.

        Args:
            path: Where to. The format is that of the weights, whatever the path is called.
            allow_huge: Write a caffemodel over Caffe's limit of 2,147,483,647 bytes.
            float16: Store half the bytes, see `halved`. Caffe converts when it loads HDF5; from a
                caffemodel only NVIDIA's Caffe and OpenCV read them.
            gzip: HDF5 only: compress.

        Raises:
            FormatError: The file cannot be written, or cannot hold a layer, or Caffe could not
                read it for its size.
        """
        from netsurgery.formats.atomic import write_together

        options = {"allow_huge": allow_huge, "float16": float16, "gzip": gzip}
        write_together({path: lambda stream: self.write_to(stream, **options)})

    def write_to(
        self,
        stream: BinaryIO,
        *,
        allow_huge: bool = False,
        float16: bool = False,
        gzip: bool = False,
    ) -> None:
        """Write into an open file with a name, for `write_together`; see `write`."""
        given = self.halved() if float16 else self
        if self.format == "hdf5":
            from netsurgery.formats.hdf5.writer import write_hdf5

            write_hdf5(given.layers, stream, gzip=gzip or self.gzip)
            return
        if gzip:
            raise FormatError("gzip is for HDF5", remedy="convert to HDF5")
        from netsurgery.formats.caffemodel import writer

        pieces = given._pieces()
        if not allow_huge:
            writer.require_readable(writer.size_of(pieces))
        writer.write_pieces(pieces, stream)

    def _pieces(self) -> list[Piece]:
        from netsurgery.formats.caffemodel import writer

        return writer.pieces_of(self._parts, self.version)

    def __repr__(self) -> str:
        return f"Weights({self.file!r}, {self.format!r}, {len(self.layers)} layers)"


def open_weights(path: AnyPath) -> Weights:
    """Open a .caffemodel or .caffemodel.h5, told apart by their contents.

    A caffemodel is mapped, not read. It must not be overwritten in place while the weights are
    in use; replacing it by another file, as `Weights.write` does, is safe.

    Raises:
        FormatError: It is not there, is something else (the text says what), or is damaged.
    """
    file = os.fspath(path)
    try:
        data = _map(file)
        weights = _read(data, file)
    except FormatError as error:
        error.file = file
        raise
    except OSError as error:
        raise FormatError(f"cannot read: {error.strerror or error}", file=file) from error
    if not any(layer.blobs for layer in weights.layers):
        raise FormatError(
            "no layer in it has weights", file=file, remedy="give the weights of a trained net"
        )
    return weights


def _map(file: str) -> Union[bytes, MappedFile]:
    return map_file(file) if os.stat(file).st_size else b""


def _read(data: Union[bytes, MappedFile], file: str) -> Weights:
    kind = sniff.identify(data[: sniff.HEAD])
    if kind is sniff.HDF5:
        from netsurgery.formats.hdf5.reader import is_compressed, read_hdf5

        layers = read_hdf5(file)
        return Weights(layers, format="hdf5", file=file, gzip=is_compressed(layers))
    if kind not in (None, sniff.CAFFEMODEL):
        raise sniff.refusal(kind, "a .caffemodel")
    try:
        version, name, parts = scan(data)
    except FormatError as error:
        error.remedy = error.remedy or "it is damaged or cut; download or copy it again"
        raise
    weights = Weights(parts, name=name, version=version, file=file)
    weights.whole_file = WholeFile(os.path.abspath(file), stamp_of(file), weights.layers, data)
    return weights
