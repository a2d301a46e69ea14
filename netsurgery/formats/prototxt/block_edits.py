"""Change single values inside a layer and leave every other byte as it is."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence, Tuple

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt import layout
from netsurgery.formats.prototxt.tokens import quote
from netsurgery.formats.prototxt.tree import Field, Message, parse_tree
from netsurgery.formats.prototxt.typed import is_repeated
from netsurgery.formats.schema import LayerParameter
from netsurgery.formats.upgrade import legacy

# Where a field that a layer lacks is put: behind the last of these that it has.
_ANCHORS = {
    "name": (),
    "type": ("name",),
    "bottom": ("name", "type"),
    "top": ("name", "type", "bottom"),
}


def set_value(
    text: bytes, version: str, path: str, value: Any, error: Callable[..., FormatError]
) -> bytes:
    """Return a layer's source with the field at a dotted path of V2 set, or removed by None.

    Args:
        text: The layer as a field.
        version: How it is spelt.
        path: Such as ``"inner_product_param.num_output"``.
        value: A sequence stands for all values of a repeated field; bytes are a value as
            written in prototxt.
        error: Makes the error for a path that the layer cannot have.

    Raises:
        FormatError: No such field, or the layer's version cannot spell it.
    """
    editor = _BlockEditor(text, version, error)
    editor.set(path, value)
    return editor.result()


class _BlockEditor:
    """Collects edits of one layer, as byte ranges and what to put there."""

    def __init__(self, data: bytes, version: str, error: Callable[..., FormatError]) -> None:
        self.data = data
        self.version = version
        self.error = error
        self.block = next(parse_tree(data).messages("layer" if version == "V2" else "layers"))
        self.edits: List[Tuple[int, int, bytes]] = []

    def result(self) -> bytes:
        """The layer with all edits done."""
        pieces, position = [], 0
        for start, end, new in sorted(self.edits, key=lambda edit: edit[:2]):
            pieces += [self.data[position:start], new]
            position = end
        return b"".join([*pieces, self.data[position:]])

    def set(self, path: str, value: Any) -> None:
        """Give the field at a dotted path of V2 these values, or none."""
        *owners, name = path.split(".")
        descriptor = self._descriptor(owners, name, path)
        values = () if value is None else value
        values = values if isinstance(values, (tuple, list)) else (values,)
        lexemes = [self._lexeme(descriptor, one, path) for one in values]
        block, owners, name = self._spelt(owners, name, path)
        for depth, owner in enumerate(owners):
            inner = next(block.messages(owner), None)
            if inner is None:
                if lexemes:
                    nested = _nested(owners[depth:], name, lexemes)
                    self._insert(block, nested, self._anchor(block, owner))
                return
            block = inner
        self._set_values(block, name, lexemes)

    def _descriptor(self, owners: Sequence[str], name: str, path: str) -> Optional[Any]:
        """The field in the schema; None in a block that is a fork's own, and is there."""
        message = LayerParameter.DESCRIPTOR
        known = not owners or owners[0] in message.fields_by_name
        if not known and next(self.block.messages(owners[0]), None) is not None:
            return None
        for owner in owners:
            field = message.fields_by_name.get(owner)
            if field is None or field.message_type is None or is_repeated(field):
                raise self.error(f"a layer has no single block {owner}")
            message = field.message_type
        field = message.fields_by_name.get(name)
        if field is None or field.message_type is not None:
            raise self.error(f"a layer has no single value {path}")
        return field

    def _lexeme(self, descriptor: Optional[Any], value: Any, path: str) -> bytes:
        if path == "type" and self.version == "V1":
            return self._old_name(legacy.V1_TYPES, value).encode()
        if path == "type" and self.version == "V0":
            return quote(self._old_name(legacy.V0_TYPES, value))
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            is_word = descriptor is not None and descriptor.enum_type is not None
            return value.encode() if is_word else quote(value)
        if isinstance(value, bool):
            return b"true" if value else b"false"
        return str(value).encode()

    def _old_name(self, types: dict[str, str], new: str) -> str:
        for old, known in types.items():
            if known == new:
                return old
        raise self.error(f"{self.version} has no layer type {new}", "upgrade the net first")

    def _spelt(self, owners: List[str], name: str, path: str) -> Tuple[Message, List[str], str]:
        """Where the version of this layer keeps a field of V2: block, owners in it, name."""
        if self.version != "V0":
            return self.block, owners, name
        inner = next(self.block.messages("layer"))
        if path in ("name", "type"):
            return inner, [], name
        if path in ("bottom", "top"):
            return self.block, [], name
        if owners[:1] == ["hdf5_output_param"] or "filler" in "".join(owners[1:2]):
            return inner, owners[-1:], name
        for old, (new, homes) in legacy.V0_FIELDS.items():
            if new == name and owners and owners[0] in homes.values():
                return inner, [], old
        raise self.error(f"V0 has no field {path}", "upgrade the net first")

    def _set_values(self, block: Message, name: str, lexemes: List[bytes]) -> None:
        fields = list(block.all(name))
        if any(field.listed for field in fields):
            self._set_list(fields, lexemes)
            return
        for field, lexeme in zip(fields, lexemes):
            value = field.values[0]
            if self.data[value.start : value.end] != lexeme:
                self.edits.append((value.start, value.end, lexeme))
        for field in fields[len(lexemes) :]:
            self._remove(field)
        if lexemes[len(fields) :]:
            new = [name.encode() + b": " + lexeme for lexeme in lexemes[len(fields) :]]
            self._insert(block, new, behind=fields[-1] if fields else self._anchor(block, name))

    def _set_list(self, fields: List[Field], lexemes: List[bytes]) -> None:
        keep = next(field for field in fields if field.listed)
        for field in fields:
            if field is not keep or not lexemes:
                self._remove(field)
        if lexemes:
            opening = self.data.index(b"[", keep.start + len(keep.name))
            self.edits.append((opening, keep.end, b"[" + b", ".join(lexemes) + b"]"))

    def _remove(self, field: Field) -> None:
        start, end = layout.cut(self.data, field.start, field.end)
        self.edits.append((start, end, b""))

    def _anchor(self, block: Message, name: str) -> Optional[Field]:
        names = _ANCHORS.get(name)
        if names is None:
            return block.fields[-1] if block.fields else None
        return next((field for field in reversed(block.fields) if field.name in names), None)

    def _insert(self, block: Message, texts: List[bytes], behind: Optional[Field]) -> None:
        """Put fields into a block, on lines of their own if its other fields have that."""
        if not block.fields:
            inside = b" ".join([b"", *texts, b""])
            self.edits.append((block.end - 1, block.end - 1, inside))
            return
        like = behind or block.fields[0]
        gap = b" "
        if layout.starts_line(self.data, like.start):
            gap = layout.newline_of(self.data, like.start)
            gap += layout.indentation(self.data, like.start)
        if behind is None:
            position, new = like.start, b"".join(text + gap for text in texts)
        else:
            position = layout.end_of_field(self.data, like.end) if gap != b" " else like.end
            new = b"".join(gap + text for text in texts)
        self.edits.append((position, position, new))


def _nested(owners: Sequence[str], name: str, lexemes: Sequence[bytes]) -> List[bytes]:
    text = b" ".join(name.encode() + b": " + lexeme for lexeme in lexemes)
    for owner in reversed(owners):
        text = owner.encode() + b" { " + text + b" }"
    return [text]
