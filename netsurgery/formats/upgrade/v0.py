"""A V0 layer (``layers`` around ``layer``, 2013) as V2."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from netsurgery.formats.prototxt import layout
from netsurgery.formats.prototxt.edits import Edits
from netsurgery.formats.prototxt.layer_text import LayerText
from netsurgery.formats.prototxt.tokens import decode, parse_integer, quote, unquote
from netsurgery.formats.prototxt.tree import Field, Message
from netsurgery.formats.upgrade import legacy
from netsurgery.formats.upgrade.v1 import UpgradeNotes, param_blocks

_PADDED = ("conv", "pool")


_Place = Callable[[Field], Tuple[List[bytes], List[bytes]]]


class Padding(NamedTuple):
    """What a layer takes over from the ``padding`` layer in front of it."""

    bottom: str
    pad: bytes


def fold_padding(layers: Sequence[LayerText]) -> Dict[int, Padding]:
    """Find the layers that take over a ``padding`` layer, by index.

    Raises:
        FormatError: The net pads what Caffe can not.
    """
    producers: Dict[str, LayerText] = {}
    folded: Dict[int, Padding] = {}
    for layer in layers:
        for bottom in layer.bottoms:
            source = producers.get(bottom)
            if source is not None and _v0_type(source) == "padding":
                folded[layer.index] = _padding(source, layer)
        for top in layer.tops:
            producers[top] = layer
    return folded


def _padding(source: LayerText, layer: LayerText) -> Padding:
    if _v0_type(layer) not in _PADDED or len(layer.bottoms) != 1:
        problem = f"it reads the padding layer {source.name!r}"
        raise layer.error(problem, "only a conv or pool of one bottom can take over its pad")
    if len(source.bottoms) != 1 or len(source.tops) != 1:
        raise source.error("a padding layer takes one bottom and one top")
    values = [
        source.source.data[value.start : value.end]
        for inner in source.block.messages("layer")
        for value in inner.values("pad")
    ]
    return Padding(source.bottoms[0], values[0] if values else b"0")


def _v0_type(layer: LayerText) -> str:
    """The type as written."""
    data = layer.source.data
    inner = next(layer.block.messages("layer"))
    return next((decode(unquote(data[v.start : v.end])) for v in inner.values("type")), "")


def v0_as_v2(layer: LayerText, folded: Dict[int, Padding], notes: UpgradeNotes) -> bytes:
    """The text of a V0 layer as V2 would have it, nothing for a ``padding`` layer.

    Args:
        layer: The layer.
        folded: What `fold_padding` found.
        notes: Gets a line for each field that does not come along.

    Raises:
        FormatError: A value has a type that Caffe would refuse.
    """
    if _v0_type(layer) == "padding":
        return b""
    return _Writer(layer, notes).write(folded.get(layer.index))


class _Writer:
    """Sorts the fields of a V0 layer into those of V2, as lines without indentation."""

    def __init__(self, layer: LayerText, notes: UpgradeNotes) -> None:
        self.layer = layer
        self.data = layer.source.data
        self.notes = notes
        self.inner = next(layer.block.messages("layer"))
        self.type = _v0_type(layer)
        self.head: Dict[str, List[bytes]] = {"name": [], "type": [], "bottom": [], "top": []}
        self.own: List[bytes] = []
        self.messages: Dict[str, List[bytes]] = {}
        self.unknown = {found.field.start: found for found in layer.unknown_fields}
        self.edits = Edits(self.data)
        for found in layer.unknown_fields:
            nested = found.path.startswith("layer.") and found.path.count(".") > 1
            if nested and notes.drop_unknown(layer, found):
                self.edits.remove(found.field)

    def write(self, padding: Optional[Padding]) -> bytes:
        """The whole layer."""
        self._sort(self.layer.block, self._place_outer)
        if padding is not None:
            self.head["bottom"] = [b"bottom: " + quote(padding.bottom)]
            self._override_pad(padding.pad)
        lines = [line for lines in self.head.values() for line in lines]
        lines += [*param_blocks(self.layer.source, self.inner), *self.own]
        for name, fields in self.messages.items():
            lines += [name.encode() + b" {", *(b"  " + line for line in fields), b"}"]
        return b"layer {\n" + b"".join(b"  " + line + b"\n" for line in lines) + b"}"

    def _sort(self, block: Message, place: _Place) -> None:
        """Put each field where ``place`` says, with the comments around it."""
        position = block.start + 1
        for field in block.fields:
            target, lines = place(field)
            comment = layout.comment_behind(self.data, field.end)
            if comment and lines:
                lines = [*lines[:-1], lines[-1] + b"  " + comment]
            elif comment:
                lines = [comment]
            target += [*_comments(self.data[position : field.start]), *lines]
            position = layout.end_of_field(self.data, field.end)
        self.own += _comments(self.data[position : block.end - 1])

    def _place_outer(self, field: Field) -> Tuple[List[bytes], List[bytes]]:
        if field.name in ("bottom", "top"):
            return self.head[field.name], self._lines(field, field.name)
        if field.name == "layer":
            self._sort(self.inner, self._place_inner)
            return self.own, []
        return self._dropped(field, "Caffe's upgrade keeps only bottom and top around a layer")

    def _place_inner(self, field: Field) -> Tuple[List[bytes], List[bytes]]:
        name = field.name
        if name in legacy.PARAM_LISTS:
            return self.own, []
        if name == "type":
            return self.head[name], [b"type: " + quote(self._v2_type())]
        if name in self.head:
            return self.head[name], self._lines(field, name)
        if name == "blobs":
            return self.own, self._lines(field, name)
        new, owners = legacy.V0_FIELDS.get(name, ("", {}))
        owner = owners.get(self.type)
        if owner is None:
            reason = f"Caffe's upgrade has no place for it in a layer of type {self.type!r}"
            return self._dropped(field, reason)
        target = self.messages.setdefault(owner, []) if owner else self.own
        lines = self._lines(field, new)
        if new in legacy.WRAPPED:
            size = parse_integer(lines[0][len(new) + 2 :])
            lines = [b"%s: %d" % (new.encode(), size % 2**32)]
        return target, lines

    def _dropped(self, field: Field, reason: str) -> Tuple[List[bytes], List[bytes]]:
        unknown = self.unknown.get(field.start)
        if unknown is None:
            self.notes.add(self.layer, field.start, f"{field.name} is dropped: {reason}")
        elif not self.notes.drop_unknown(self.layer, unknown):
            return self.own, self._lines(field, field.name)
        return self.own, []

    def _v2_type(self) -> str:
        if self.type not in legacy.V0_TYPES:
            raise self.layer.error(f"V0 has no layer type {self.type!r}", "correct the type")
        return legacy.V0_TYPES[self.type]

    def _override_pad(self, pad: bytes) -> None:
        fields = self.messages.setdefault(legacy.V0_FIELDS["pad"][1][self.type], [])
        fields[:] = [line for line in fields if not line.startswith(b"pad:")]
        fields.append(b"pad: " + pad)

    def _lines(self, field: Field, name: str) -> List[bytes]:
        """A field under a new name."""
        before = self.data[field.start + len(field.name) : field.values[0].start]
        start = field.start + len(field.name) + len(before)
        if field.listed:
            start -= len(before) - before.index(b"[")
        colon = b" " if self.data[start : start + 1] in (b"{", b"<") else b": "
        text = name.encode() + colon + self.edits.result(start, field.end)
        indent = layout.indentation(self.data, field.start)
        first, *others = text.replace(b"\r\n", b"\n").split(b"\n")
        stripped = (line[len(indent) :] if line.startswith(indent) else line for line in others)
        return [first, *stripped]


def _comments(gap: bytes) -> List[bytes]:
    """The comments between two fields, a line each."""
    lines = (line.strip() for line in gap.splitlines())
    return [line for line in lines if line.startswith(b"#")]
