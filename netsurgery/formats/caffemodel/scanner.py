"""The .caffemodel reader: where each layer is, and what is in it, without reading the floats."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Union

from netsurgery.errors import FormatError
from netsurgery.formats.blob import Blob, Extent, LayerWeights
from netsurgery.formats.caffemodel.blobproto import read_blob
from netsurgery.formats.caffemodel.wire import LENGTH, VARINT, Buffer, WireField, fields
from netsurgery.formats.upgrade.layer_types import V0_TYPES, V1_TYPES

NET_NAME = 1
_MOST_PARTS = 1 << 16

Part = Union[Extent, LayerWeights]


class Layout(NamedTuple):
    """Field numbers of one version of the format.

    Attributes:
        layer: The layer in the net.
        inner: The message inside the layer that holds the rest, or None for the layer itself.
        name: The layer's name.
        type: Its type.
        blobs: Its parameters.
    """

    layer: int
    inner: Optional[int]
    name: int
    type: int
    blobs: int


LAYOUTS = {
    "V2": Layout(100, None, 1, 2, 7),
    "V1": Layout(2, None, 4, 5, 6),
    "V0": Layout(2, 1, 1, 2, 50),
}
_LAYER_FIELDS = {100, 2}


class Caffemodel(NamedTuple):
    """What a caffemodel is made of.

    Attributes:
        version: ``"V2"``, ``"V1"`` or ``"V0"``.
        name: The net's name.
        parts: The layers, and the bytes between them that belong to none, in order.
    """

    version: str
    name: str
    parts: tuple[Part, ...]


def scan(data: Buffer) -> Caffemodel:
    """Find the layers and blobs of the caffemodel in `data`.

    Raises:
        FormatError: It is damaged, mixed, or two files joined; names byte and layer.
    """
    scanner = _Scanner(data)
    for field in fields(data, 0, len(data)):
        scanner.take(field)
    return scanner.result()


class _Scanner:
    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.version = ""
        self.name = ""
        self.name_seen = False
        self.parts: list[Part] = []
        self.layers: list[LayerWeights] = []
        self.ends: list[int] = []
        self.done = 0
        self.count = 0

    def take(self, field: WireField) -> None:
        if field.wire != LENGTH:
            return
        if field.number == NET_NAME:
            self._take_name(field)
        elif field.number in _LAYER_FIELDS:
            self._take_layer(field)

    def result(self) -> Caffemodel:
        self._keep_until(len(self.data))
        _refuse_repetition(self.layers, self.ends)
        return Caffemodel(self.version or "V2", self.name, tuple(self.parts))

    def _take_name(self, field: WireField) -> None:
        if self.name_seen and self.layers:
            raise _joined(field.at)
        self.name_seen = True
        self.name = _text(self.data, field)

    def _keep_until(self, stop: int) -> None:
        if self.done < stop:
            self.parts.append(Extent(self.data, self.done, stop))

    def _take_layer(self, field: WireField) -> None:
        version = "V2" if field.number == LAYOUTS["V2"].layer else _old_version(self.data, field)
        if self.version not in ("", version):
            raise FormatError(
                f"{version} layers follow {self.version} layers at byte {field.at}",
                remedy="Caffe refuses such a mixture; perhaps two files were joined",
            )
        self.version = version
        self._keep_until(field.at)
        layer = self._read_layer(field)
        self.parts.append(layer)
        self.layers.append(layer)
        self.ends.append(field.stop)
        self.done = field.stop

    def _read_layer(self, field: WireField) -> LayerWeights:
        layout = LAYOUTS[self.version]
        name, layer_type, places = "", None, []
        for inner in _layer_fields(self.data, field, layout):
            if inner.wire == LENGTH and inner.number == layout.name:
                name = _text(self.data, inner)
            elif inner.number == layout.type:
                layer_type = self._type(inner)
            elif inner.wire == LENGTH and inner.number == layout.blobs:
                places.append(inner)
                self._bound(field)
        self._bound(field)
        blobs = [self._read_blob(name, index, place) for index, place in enumerate(places)]
        extent = Extent(self.data, field.at, field.stop, self.version)
        return LayerWeights.mapped(name, layer_type, blobs, extent)

    def _bound(self, field: WireField) -> None:
        """Hostile bytes can hold a layer in three bytes: each would cost a hundred times that."""
        self.count += 1
        if self.count > _MOST_PARTS:
            raise FormatError(f"more than {_MOST_PARTS:,} layers and blobs at byte {field.at}")

    def _type(self, field: WireField) -> Optional[str]:
        if self.version == "V1":
            known = field.wire == VARINT and field.value < len(V1_TYPES)
            return V1_TYPES[field.value] if known else None
        if field.wire != LENGTH:
            return None
        text = _text(self.data, field)
        return V0_TYPES.get(text, text) if self.version == "V0" else text

    def _read_blob(self, layer: str, index: int, field: WireField) -> Blob:
        try:
            return read_blob(self.data, field.start, field.stop)
        except FormatError as error:
            raise FormatError(
                f"blob {index}: {error.problem}", layer=layer, remedy=error.remedy
            ) from None


def _joined(at: int) -> FormatError:
    return FormatError(
        f"two caffemodels joined at byte {at}", remedy="cut it there, and give one of the two"
    )


def _refuse_repetition(layers: list[LayerWeights], ends: list[int]) -> None:
    """Where the net's name is missing, only its layers coming twice tell that files were joined."""
    names = [layer.name for layer in layers]
    if not names or names[0] not in names[1:]:
        return
    start = names.index(names[0], 1)
    first, again = layers[:start], layers[start:]
    same = all(one.name == other.name for one, other in zip(first, again))
    # Two layers of one name without weights are usual: one for training, one for testing.
    trained = all(any(layer.blobs for layer in half) for half in (first, again))
    if same and trained:
        raise _joined(ends[start - 1])


def _old_version(data: Buffer, layer: WireField) -> str:
    """V0 wraps its layer in a message of its own; V1 does not."""
    inner = LAYOUTS["V0"].inner
    wrapped = any(f.number == inner and f.wire == LENGTH for f in fields(data, *layer[3:5]))
    return "V0" if wrapped else "V1"


def _layer_fields(data: Buffer, layer: WireField, layout: Layout) -> Iterator[WireField]:
    for field in fields(data, layer.start, layer.stop):
        if layout.inner is None:
            yield field
        elif field.number == layout.inner and field.wire == LENGTH:
            yield from fields(data, field.start, field.stop)


def _text(data: Buffer, field: WireField) -> str:
    return bytes(data[field.start : field.stop]).decode("utf-8", "surrogateescape")
