"""New V2 layers as V1, so that an old net can be compressed in its own form."""

from __future__ import annotations

from typing import List, Sequence

from netsurgery.formats.prototxt import layout
from netsurgery.formats.prototxt.edits import Edits
from netsurgery.formats.prototxt.layer_text import LayerText, layers_in
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.syntax_errors import PrototxtSyntaxError
from netsurgery.formats.prototxt.tree import Message, parse_tree
from netsurgery.formats.schema import LayerParameter, V1LayerParameter
from netsurgery.formats.upgrade import legacy

# From here on the schema's numbers are those of forks, which had such fields in V1 too.
_FIRST_FORK_NUMBER = 200
_UPGRADE = "upgrade the net to V2 first (netsurgery upgrade)"
_DEFAULTS = {"name": b'""', "share_mode": b"STRICT", "lr_mult": b"1", "decay_mult": b"1"}


def downgrade_layers(text: bytes) -> bytes:
    """Turn ``layer { ... }`` into the ``layers { ... }`` that Caffe reads as the same.

    Args:
        text: Any number of V2 layers; what is between them stays.

    Raises:
        FormatError: V1 has no such layer type or field.
    """
    source = SourceText(text, "new layer")
    try:
        layers = layers_in(source, parse_tree(text))
    except PrototxtSyntaxError as flaw:
        raise source.error(flaw.offset, flaw.problem, flaw.remedy) from None
    edits = Edits(text)
    for layer in layers:
        _as_v1(layer, edits)
    return edits.result()


def _as_v1(layer: LayerText, edits: Edits) -> None:
    name_end = layer.field.start + len("layer")
    edits.replace(name_end, name_end, b"s")
    for field in layer.block.fields:
        _check_field(layer, field.name)
    for value in layer.block.values("type"):
        edits.replace(value.start, value.end, _v1_type(layer).encode())
    _params_as_lists(layer, edits)


def _check_field(layer: LayerText, name: str) -> None:
    new = LayerParameter.DESCRIPTOR.fields_by_name.get(name)
    old = V1LayerParameter.DESCRIPTOR.fields_by_name.get(name)
    if new is not None and old is None and new.number < _FIRST_FORK_NUMBER:
        raise layer.error(f"V1 has no field {name}", _UPGRADE)


def _v1_type(layer: LayerText) -> str:
    for old, new in legacy.V1_TYPES.items():
        if new == layer.type:
            return old
    raise layer.error(f"V1 has no layer type {layer.type!r}", _UPGRADE)


def _params_as_lists(layer: LayerText, edits: Edits) -> None:
    fields = list(layer.block.all("param"))
    if not fields:
        return
    blocks = list(layer.block.messages("param"))
    texts = [
        text for names in legacy.PARAM_LISTS.items() for text in _list_of(*names, blocks, edits)
    ]
    first = fields[0]
    gap = b" "
    if layout.starts_line(edits.data, first.start):
        gap = layout.newline_of(edits.data, first.start)
        gap += layout.indentation(edits.data, first.start)
    if texts:
        edits.replace(first.start, first.end, gap.join(texts))
    edits.remove(*(fields[1:] if texts else fields))


def _list_of(old: str, new: str, blocks: Sequence[Message], edits: Edits) -> List[bytes]:
    """One of V1's lists: a value for each blob up to the last that has one."""
    values = [next(block.values(new), None) for block in blocks]
    while values and values[-1] is None:
        values.pop()
    words = (edits.data[value.start : value.end] if value else _DEFAULTS[new] for value in values)
    return [old.encode() + b": " + word for word in words]
