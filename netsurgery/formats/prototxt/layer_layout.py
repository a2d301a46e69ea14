"""How new layers are fitted into a document: its line ends, its indentation, its spacing."""

from __future__ import annotations

import itertools
import re
from typing import List, Mapping, Sequence, Tuple

from netsurgery.formats.prototxt import layout
from netsurgery.formats.prototxt.layer_text import LayerText, layers_in
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.syntax_errors import PrototxtSyntaxError
from netsurgery.formats.prototxt.tree import parse_tree

_first_indent = re.compile(rb"[{<][ \t]*\r?\n([ \t]+)\S")
_leading_pairs = re.compile(rb"^((?:  )+)", re.MULTILINE)
_line_with_text = re.compile(rb"\n(?=[^\n])")
_blank_gap = re.compile(rb"\s*\Z")


def edits(
    data: bytes, layers: Sequence[LayerText], changes: Mapping[int, bytes]
) -> List[Tuple[int, int, bytes]]:
    """The byte ranges to replace so that layers give way to new text.

    Raises:
        FormatError: A new text is no prototxt.
    """
    result: List[Tuple[int, int, bytes]] = []
    listed = {}
    for index, text in changes.items():
        layer = layers[index]
        new = _parsed(text)
        if layer.listed:
            listed[index] = b", ".join(_block(one) for one in new)
        elif not new and not text.strip():
            result.append((*layout.cut(data, *layer.span), b""))
        else:
            result.append((*layer.span, _fitted(data, layers, layer, text, new)))
    return result + _list_edits(layers, listed)


def insertions(
    data: bytes, layers: Sequence[LayerText], texts: Mapping[int, bytes]
) -> List[Tuple[int, int, bytes]]:
    """The byte ranges, all of them empty, at which new layers come behind others.

    Raises:
        FormatError: A new text is no prototxt.
    """
    result: List[Tuple[int, int, bytes]] = []
    for index, text in texts.items():
        layer, new = layers[index], _parsed(text)
        start, end = layer.span
        if layer.listed:
            result.append((end, end, b"".join(b", " + _block(one) for one in new)))
            continue
        gap = _gap(data, layers, layer)
        fitted = _restyled(_spaced(text, new, gap).strip(b"\r\n"), data, start, end)
        indent = layout.indentation(data, start) if layout.starts_line(data, start) else b""
        place = layout.end_of_field(data, end)
        added = gap + indent + fitted + (b"" if layout.ends_line(data, place) else b"\n")
        if b"\r" not in added:
            added = added.replace(b"\n", layout.newline_of(data, start))
        result.append((place, place, added))
    return result


def _parsed(text: bytes) -> Tuple[LayerText, ...]:
    source = SourceText(text, "new layer")
    try:
        return layers_in(source, parse_tree(text))
    except PrototxtSyntaxError as problem:
        raise source.error(problem.offset, problem.problem, problem.remedy) from None


def _block(layer: LayerText) -> bytes:
    """A layer without its field name, as it stands in a list."""
    text = layer.text
    return text[re.match(rb"[^{<]*", text).end() :]  # type: ignore[union-attr]


def _list_edits(
    layers: Sequence[LayerText], changes: Mapping[int, bytes]
) -> List[Tuple[int, int, bytes]]:
    """Edits of layers in lists; a layer that goes takes its comma along."""
    result: List[Tuple[int, int, bytes]] = []
    for _, group in itertools.groupby(layers, key=lambda layer: layer.field.start):
        items = list(group)
        if items[0].listed:
            result += _one_list(items, changes)
    return result


def _one_list(
    items: Sequence[LayerText], changes: Mapping[int, bytes]
) -> List[Tuple[int, int, bytes]]:
    goes = [changes.get(item.index) == b"" for item in items]
    kept = [item for item, gone in zip(items, goes) if not gone]
    tail = kept[-1].index - items[0].index + 1 if kept else 0
    result = [(*item.span, changes[item.index]) for item in kept if item.index in changes]
    for item, following, gone in zip(items[:tail], items[1:tail], goes):
        if gone:
            result.append((item.span[0], following.span[0], b""))
    if items[tail:]:
        start = kept[-1].span[1] if kept else items[0].span[0]
        result.append((start, items[-1].span[1], b""))
    return result


def _fitted(
    data: bytes,
    layers: Sequence[LayerText],
    layer: LayerText,
    text: bytes,
    new: Sequence[LayerText],
) -> bytes:
    start, end = layer.span
    ends_in_comment = bool(new) and b"#" in text[new[-1].span[1] :]
    text = _spaced(text, new, _gap(data, layers, layer)).strip(b"\r\n")
    if _style(text) != _style(data[start:end]):
        text = _restyled(text, data, start, end)
    if ends_in_comment and not layout.ends_line(data, end):
        text += b"\n"
    return text if b"\r" in text else text.replace(b"\n", layout.newline_of(data, start))


def _style(text: bytes) -> Tuple[bytes, bytes]:
    """How far the first line inside a layer and its last line are indented.

    Text that was made by editing a layer has the style of that layer: it is left alone.
    """
    inner = _first_indent.search(text)
    return inner.group(1) if inner else b"", layout.indentation(text, len(text))


def _restyled(text: bytes, data: bytes, start: int, end: int) -> bytes:
    """Indent text as what stands from ``start`` to ``end`` is, if it is indented by two spaces."""
    indent = layout.indentation(data, start) if layout.starts_line(data, start) else b""
    inner, _ = _style(data[start:end])
    step = inner[len(indent) :]
    if step and _style(text)[0] == b"  ":
        text = _leading_pairs.sub(lambda found: step * (len(found.group(1)) // 2), text)
    return _line_with_text.sub(b"\n" + indent, text)


def _gap(data: bytes, layers: Sequence[LayerText], layer: LayerText) -> bytes:
    """The white space between a layer and its neighbour, one line end if there is more."""
    for first, second in ((layer.index, layer.index + 1), (layer.index - 1, layer.index)):
        if first >= 0 and second < len(layers) and not layers[second].listed:
            gap = data[layers[first].span[1] : layers[second].span[0]]
            if _blank_gap.match(gap) and b"\n" in gap:
                return gap.replace(b"\r\n", b"\n").rstrip(b" \t")
    return b"\n"


def _spaced(text: bytes, new: Sequence[LayerText], gap: bytes) -> bytes:
    """Set the white space between the new layers to that of the document."""
    pieces, position = [], 0
    for one, other in zip(new, new[1:]):
        between = text[one.span[1] : other.span[0]]
        pieces.append(text[position : one.span[1]])
        pieces.append(gap if not between.strip() else between)
        position = other.span[0]
    return b"".join([*pieces, text[position:]])
