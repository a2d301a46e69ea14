"""A V1 layer (``layers``) as V2 (``layer``), changed only where the two differ."""

from __future__ import annotations

from typing import Dict, List, Optional

from netsurgery.formats.prototxt import layout
from netsurgery.formats.prototxt.block_edits import set_value
from netsurgery.formats.prototxt.edits import Edits
from netsurgery.formats.prototxt.layer_text import LayerText
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.tokens import decode, is_string, quote, unquote
from netsurgery.formats.prototxt.tree import Message
from netsurgery.formats.prototxt.typed import Unknown
from netsurgery.formats.schema import LayerParameter
from netsurgery.formats.upgrade import legacy


class UpgradeNotes:
    """What an upgrade has to report, with the line in the old file.

    Attributes:
        lines: The notes.
    """

    def __init__(self, source: SourceText, keep_unknown: bool) -> None:
        self.source = source
        self.keep_unknown = keep_unknown
        self.lines: List[str] = []

    def add(self, layer: Optional[LayerText], offset: int, what: str) -> None:
        """Report ``what`` about a layer, or about the net's own fields."""
        line, _ = self.source.place(offset)
        owner = "the net" if layer is None else f"layer {layer.name!r}"
        self.lines.append(f"line {line}: {owner}: {what}")

    def drop_unknown(self, layer: Optional[LayerText], unknown: Unknown) -> bool:
        """Report a field that stock Caffe does not know, and say whether it has to go."""
        fate = "is kept, and stock Caffe will refuse it" if self.keep_unknown else "is dropped"
        text = f"{unknown.path} is unknown to stock Caffe and {fate}"
        self.add(layer, unknown.field.start, text)
        return not self.keep_unknown


def v1_as_v2(layer: LayerText, notes: UpgradeNotes) -> bytes:
    """The block of a V1 layer as V2 would have it.

    Raises:
        FormatError: A value has a type that Caffe would refuse.
    """
    edits = Edits(layer.source.data)
    for unknown in layer.unknown_fields:
        _treat_unknown(layer, unknown, edits, notes)
    for value in layer.block.values("type"):
        edits.replace(value.start, value.end, quote(layer.type))
    _params(layer, edits)
    return _transformed(layer, edits.result(layer.block.start, layer.block.end))


def _treat_unknown(layer: LayerText, unknown: Unknown, edits: Edits, notes: UpgradeNotes) -> None:
    path, field = unknown
    if path == "type":
        notes.add(layer, field.start, f"type {layer.type} is unknown to stock Caffe")
    elif path in LayerParameter.DESCRIPTOR.fields_by_name:
        notes.add(layer, field.start, f"{path} is no field of V1; it is kept as V2 has it")
    elif notes.drop_unknown(layer, unknown):
        edits.remove(field)


def param_blocks(source: SourceText, block: Message) -> List[bytes]:
    """What V1's lists, one value a blob, say in V2's ``param`` blocks."""
    params: List[Dict[str, bytes]] = []
    for old, new in legacy.PARAM_LISTS.items():
        for index, value in enumerate(block.values(old)):
            params += [{} for _ in range(index + 1 - len(params))]
            lexeme = source.data[value.start : value.end]
            params[index][new] = quote(decode(unquote(lexeme))) if is_string(lexeme) else lexeme
    written = (
        b" ".join(b"%s: %s" % (name.encode(), word) for name, word in param.items())
        for param in params
    )
    return [b"param { %s }" % text if text else b"param { }" for text in written]


def _params(layer: LayerText, edits: Edits) -> None:
    fields = [field for field in layer.block.fields if field.name in legacy.PARAM_LISTS]
    if not fields:
        return
    data, first = layer.source.data, fields[0]
    gap = b" "
    if layout.starts_line(data, first.start):
        gap = layout.newline_of(data, first.start) + layout.indentation(data, first.start)
    edits.replace(first.start, first.end, gap.join(param_blocks(layer.source, layer.block)))
    edits.remove(*fields[1:])


def _transformed(layer: LayerText, block: bytes) -> bytes:
    """Move what data layers held themselves to ``transform_param``."""
    holder = legacy.TRANSFORMED.get(layer.type, "")
    moved = {
        name: layer.source.data[value.start : value.end]
        for inner in layer.block.messages(holder)
        for name in legacy.TRANSFORM_FIELDS
        for value in inner.values(name)
    }
    text = b"layer " + block
    for name, lexeme in moved.items():
        text = set_value(text, "V2", f"{holder}.{name}", None, layer.error)
        text = set_value(text, "V2", f"transform_param.{name}", lexeme, layer.error)
    return text[len(b"layer ") :]
