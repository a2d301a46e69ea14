"""Bring the text of a V0 or V1 net to V2, equal in effect to Caffe's own upgrade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from netsurgery.formats.prototxt import layer_layout, layout
from netsurgery.formats.prototxt.dilation import in_stock_fields
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.prototxt.edits import Edits
from netsurgery.formats.prototxt.layer_text import LayerText
from netsurgery.formats.prototxt.tokens import parse_float
from netsurgery.formats.prototxt.tree import Message, Scalar
from netsurgery.formats.upgrade.downgrade import downgrade_layers
from netsurgery.formats.upgrade.v0 import fold_padding, v0_as_v2
from netsurgery.formats.upgrade.v1 import UpgradeNotes, v1_as_v2

__all__ = ["Upgraded", "downgrade_layers", "upgrade_net"]

_INPUT_FIELDS = ("input", "input_shape", "input_dim")
# All of a net's own fields that Caffe keeps when it upgrades V0.
_V0_HEADER = ("name", "layers", "force_backward", *_INPUT_FIELDS)


@dataclass(frozen=True)
class Upgraded:
    """A net as Caffe reads it today.

    Attributes:
        prototxt: The net in V2 form; the given one if it was that already.
        notes: What did not come along, or is kept though stock Caffe will refuse it: one
            line each, with the line in the old file, the layer and the field.
    """

    prototxt: Prototxt
    notes: Tuple[str, ...]


def upgrade_net(prototxt: Prototxt, keep_unknown: bool = False) -> Upgraded:
    """Do what Caffe does to an old net when it loads it, to its text.

    V0 and V1 layers become V2, ``padding`` layers become the ``pad`` of those behind them,
    data layers' scale, mean file, crop and mirror move to ``transform_param``, the net's own
    inputs become an Input layer, `hole` becomes `dilation`, and old BatchNorm ``param`` blocks get
    multipliers of zero. Comments stay, and so does every byte that needs no change.

    Args:
        prototxt: A net in any version.
        keep_unknown: Keep the fields of a V0 or V1 net that stock Caffe does not know.

    Raises:
        FormatError: Caffe could not upgrade it either.
    """
    notes = UpgradeNotes(prototxt.source, keep_unknown)
    for field in prototxt.root.all("input"):
        if prototxt.inputs[0][1] is None:
            notes.add(None, field.start, "input is dropped: it has no shape")
    if prototxt.version != "V2":
        prototxt = _layers_as_v2(prototxt, notes)
    prototxt = _dilations(prototxt, notes, keep_unknown)
    return Upgraded(_batch_norms(_inputs_as_layer(prototxt)), tuple(notes.lines))


def _layers_as_v2(prototxt: Prototxt, notes: UpgradeNotes) -> Prototxt:
    edits = Edits(prototxt.data)
    _header(prototxt, edits, notes)
    for start, end in dict.fromkeys(
        (layer.field.start, layer.field.start + len("layers"))
        for layer in prototxt.layers
        if layer.listed or prototxt.version == "V1"
    ):
        edits.replace(start, end, b"layer")
    if prototxt.version == "V1":
        for layer in prototxt.layers:
            start, end = layer.block.start, layer.block.end
            edits.replace(start, end, v1_as_v2(layer, notes))
    else:
        folded = fold_padding(prototxt.layers)
        changes = {layer.index: v0_as_v2(layer, folded, notes) for layer in prototxt.layers}
        for edit in layer_layout.edits(prototxt.data, prototxt.layers, changes):
            edits.replace(*edit)
    return Prototxt.parse(edits.result(), prototxt.file)


def _dilations(prototxt: Prototxt, notes: UpgradeNotes, keep: bool) -> Prototxt:
    """Write `hole` as `dilation`, which it is called today."""
    texts = {}
    for layer in prototxt.layers:
        fields = in_stock_fields(layer.parameter.convolution_param)
        if not fields:
            continue
        names = " and ".join(name for name, value in fields.items() if value is None)
        fate = "is kept, and stock Caffe will refuse it" if keep else "is now written as dilation"
        notes.lines.append(f"layer {layer.name!r}: {names} {fate}")
        texts[layer.index] = layer.edited(
            fields={f"convolution_param.{name}": value for name, value in fields.items()}
        )
    return prototxt.replace_layers(texts) if texts and not keep else prototxt


def _header(prototxt: Prototxt, edits: Edits, notes: UpgradeNotes) -> None:
    """Take out of the net's own fields what the upgrade would lose."""
    for unknown in prototxt.unknown_fields:
        if notes.drop_unknown(None, unknown):
            edits.remove(unknown.field)
    if prototxt.version != "V0":
        return
    known = prototxt.header.DESCRIPTOR.fields_by_name
    for field in prototxt.root.fields:
        if field.name in known and field.name not in _V0_HEADER:
            notes.add(None, field.start, f"{field.name} is dropped: Caffe's upgrade of V0 loses it")
            edits.remove(field)


def _inputs_as_layer(prototxt: Prototxt) -> Prototxt:
    inputs = prototxt.inputs
    if not inputs:
        return prototxt
    edits = Edits(prototxt.data)
    fields = [field for field in prototxt.root.fields if field.name in _INPUT_FIELDS]
    edits.remove(*fields)
    if inputs[0][1] is not None:
        first = min(fields[0].start, prototxt.layers[0].field.start)
        alone = layout.starts_line(prototxt.data, first)
        edits.replace(first, first, (b"" if alone else b"\n") + _input_layer(prototxt))
    return Prototxt.parse(edits.result(), prototxt.file)


def _input_layer(prototxt: Prototxt) -> bytes:
    data = prototxt.data
    tops = [data[value.start : value.end] for value in prototxt.root.values("input")]
    shapes = [
        b"{ " + b" ".join(b"dim: %d" % size for size in shape or ()) + b" }"
        for _, shape in prototxt.inputs
    ]
    lines = [
        b"layer {",
        b'  name: "input"',
        b'  type: "Input"',
        *(b"  top: " + top for top in tops),
        b"  input_param {",
        *(b"    shape " + shape for shape in shapes),
        b"  }",
        b"}",
        b"",
    ]
    newline = layout.newline_of(data, prototxt.layers[0].span[0])
    return newline.join(lines)


def _batch_norms(prototxt: Prototxt) -> Prototxt:
    edits = Edits(prototxt.data)
    for layer in prototxt.layers:
        blocks = list(layer.block.messages("param"))
        if layer.type == "BatchNorm" and len(blocks) == 3:
            for block in blocks:
                _freeze(layer, block, edits)
    return Prototxt.parse(edits.result(), prototxt.file) if edits.edits else prototxt


def _freeze(layer: LayerText, block: Message, edits: Edits) -> None:
    """Set both multipliers of a ``param`` block to zero."""
    missing: List[bytes] = []
    for name in ("lr_mult", "decay_mult"):
        value: Optional[Scalar] = next(block.values(name), None)  # type: ignore[assignment]
        if value is None:
            missing.append(name.encode() + b": 0 ")
        elif parse_float(layer.source.data[value.start : value.end]) != 0:
            edits.replace(value.start, value.end, b"0")
    if missing:
        before = b"" if layer.source.data[block.end - 2 : block.end - 1].isspace() else b" "
        edits.replace(block.end - 1, block.end - 1, before + b"".join(missing))
