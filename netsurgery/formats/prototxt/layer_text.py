"""One layer of a prototxt: its source text, and what that says."""

from __future__ import annotations

from functools import cached_property
from typing import (
    Any,
    Callable,
    Hashable,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.structure import structure_of
from netsurgery.formats.prototxt.tokens import decode, is_string, unquote
from netsurgery.formats.prototxt.tree import Field, Message, Scalar
from netsurgery.formats.prototxt.typed import Unknown, convert
from netsurgery.formats.schema import LayerParameter, V1LayerParameter
from netsurgery.formats.upgrade import legacy
from netsurgery.remembered import Remembered

T = TypeVar("T")

_MOST_DERIVED = 8


class LayerText:
    """A layer in a prototxt, in any of Caffe's three spellings. Immutable.

    Attributes:
        index: Its place among the layers of the document.
        span: Offsets of its first byte and behind its last; in a list, of the block alone.
        version: ``"V2"``, ``"V1"`` or ``"V0"``.
        source: The document.
        field: The field of the document that it is, or that lists it.
        block: Its fields.
        listed: Whether it stands in a list: ``layer: [{...}, {...}]``.
    """

    def __init__(self, source: SourceText, field: Field, block: Message, index: int) -> None:
        self.source = source
        self.field = field
        self.block = block
        self.index = index
        self.listed = field.listed
        self.span = (block.start if field.listed else field.start, block.end)
        self._v0 = next(block.messages("layer"), None) if field.name == "layers" else None
        self.version = "V2" if field.name == "layer" else "V0" if self._v0 else "V1"

    @property
    def line(self) -> int:
        """1-based line in the document."""
        return self.source.place(self.span[0])[0]

    @property
    def column(self) -> int:
        """1-based column in the document, in bytes."""
        return self.source.place(self.span[0])[1]

    @property
    def text(self) -> bytes:
        """The exact source, as a field of its own also where it stands in a list."""
        return self._as_field(self.source.data[slice(*self.span)])

    def _as_field(self, source: bytes) -> bytes:
        return self.field.name.encode() + b" " + source if self.listed else source

    @cached_property
    def structure(self) -> bytes:
        """What it says in one spelling, see `netsurgery.formats.prototxt.structure`."""
        return b"%s{%s}" % (
            self.field.name.encode(),
            structure_of(self.source.data, self.block.fields),
        )

    @property
    def _own(self) -> Message:
        """The block that holds name and type."""
        return self._v0 or self.block

    @cached_property
    def name(self) -> str:
        """The layer's name, ``""`` if it has none.

        Raises:
            FormatError: It is not a string.
        """
        return next(iter(self._strings(self._own, "name")), "")

    @cached_property
    def type(self) -> str:
        """The layer's type as V2 spells it, such as ``InnerProduct``, whatever the version.

        A fork's type that no table knows is returned as written.

        Raises:
            FormatError: It is not written as its version wants it.
        """
        if self.version == "V1":
            return self._v1_type()
        written = next(iter(self._strings(self._own, "type")), "")
        return written if self.version == "V2" else legacy.V0_TYPES.get(written, written)

    def _v1_type(self) -> str:
        value = next(self.block.values("type"), None)
        if value is None:
            return ""
        word = self.source.data[value.start : value.end]
        if isinstance(value, Message) or is_string(word):
            raise self._error(
                value.start,
                "the type in `layers` is a word in capitals, not a string",
                "write it as in `type: CONVOLUTION`, or `layer` for `layers`",
            )
        if word.isdigit():
            types = V1LayerParameter.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_number
            known = types.get(int(word))
            return legacy.V1_TYPES[known.name] if known else decode(word)
        return legacy.V1_TYPES.get(decode(word), decode(word))

    @cached_property
    def bottoms(self) -> Tuple[str, ...]:
        """Names of the blobs it reads."""
        return tuple(self._strings(self.block, "bottom"))

    @cached_property
    def tops(self) -> Tuple[str, ...]:
        """Names of the blobs it writes."""
        return tuple(self._strings(self.block, "top"))

    def _strings(self, block: Message, name: str) -> List[str]:
        texts = []
        for value in block.values(name):
            lexeme = self.source.data[value.start : value.end]
            if isinstance(value, Message) or not is_string(lexeme):
                shown = "a block" if isinstance(value, Message) else decode(lexeme)
                raise self._error(value.start, f"{name} takes a string, not {shown}", "quote it")
            texts.append(decode(unquote(lexeme)))
        return texts

    def _error(self, offset: int, problem: str, remedy: Optional[str] = None) -> FormatError:
        return self.source.error(offset, problem, remedy)

    def error(self, problem: str, remedy: Optional[str] = None) -> FormatError:
        """Make an error that names this layer and its place."""
        return self.source.error(self.span[0], problem, remedy, layer=self.name)

    @cached_property
    def _typed(self) -> Tuple[Any, Tuple[Unknown, ...]]:
        if self.version == "V2":
            return convert(LayerParameter(), self.block, self.source, self.name)
        old, unknown = convert(V1LayerParameter(), self.block, self.source, self.name)
        if self.version == "V1":
            return legacy.upgrade_v1(old, self.type), unknown
        return legacy.upgrade_v0(old), unknown

    @property
    def parameter(self) -> Any:
        """The layer as a V2 ``LayerParameter`` (shared: do not change it).

        What the schema does not know is left out, see `unknown`; bytes that are not UTF-8
        are U+FFFD. Of a V0 layer after a ``padding`` layer, only its own ``pad`` is here.

        Raises:
            FormatError: A value has a type that Caffe would refuse.
        """
        return self._typed[0]

    def derived(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return what others work out of what this layer says, such as shapes, worked out once.

        Layers of the same text in an edited document know it too.

        Args:
            what: What it is, and all that it depends on besides the text.
            make: Works it out; the result must not be changed by anybody.
        """
        return self._derived.get(what, make)

    @cached_property
    def _derived(self) -> Remembered:
        return Remembered(_MOST_DERIVED)

    @property
    def unknown(self) -> Tuple[str, ...]:
        """Dotted paths of the fields, or words of enums, that stock Caffe does not know."""
        return tuple(dict.fromkeys(found.path for found in self._typed[1]))

    @property
    def unknown_fields(self) -> Tuple[Unknown, ...]:
        """Where what `unknown` names stands."""
        return self._typed[1]

    def written(self, path: str) -> Tuple[str, ...]:
        """What is written under a dotted path, without quotes: for fields that no schema has.

        Args:
            path: The path from the layer on, ``"doubling_param.factor"``.
        """
        *blocks, name = path.split(".")
        found = [self._own]
        for block in blocks:
            found = [inner for outer in found for inner in outer.messages(block)]
        data = self.source.data
        values = (value for block in found for value in block.values(name))
        words = [data[one.start : one.end] for one in values if not isinstance(one, Message)]
        return tuple(decode(unquote(word) if is_string(word) else word) for word in words)

    def field_texts(self, *names: str) -> Tuple[bytes, ...]:
        """The exact source of the layer's fields of these names, in order of appearance."""
        data = self.source.data
        fields = (field for field in self.block.fields if field.name in names)
        return tuple(data[field.start : field.end] for field in fields)

    def carried(
        self,
        exclude: Iterable[str] = (),
        inside: Optional[str] = None,
        only: Optional[Iterable[str]] = None,
    ) -> bytes:
        """The source of all fields but some, or of some alone, to be put into another layer.

        Each field is on lines of its own, indented by two spaces, with the comment that
        stood behind it.

        Args:
            exclude: Names of fields to leave out.
            inside: The block to take fields from, ``"inner_product_param"``; the layer itself
                if not given.
            only: Names of the fields to take; all of them if not given.
        """
        left_out, taken = frozenset(exclude), None if only is None else frozenset(only)
        blocks = self.block.messages(inside) if inside else (self.block,)
        fields = (field for block in blocks for field in block.fields)
        lines = [
            line
            for field in fields
            if field.name not in left_out and (taken is None or field.name in taken)
            for line in self._lines(field)
        ]
        return b"".join(b"  " + line + b"\n" for line in lines)

    def _lines(self, field: Field) -> List[bytes]:
        from netsurgery.formats.prototxt import layout

        data = self.source.data
        indent = layout.indentation(data, field.start)
        comment = layout.comment_behind(data, field.end)
        text = data[field.start : field.end] + (b"  " + comment if comment else b"")
        first, *others = text.replace(b"\r\n", b"\n").split(b"\n")
        return [
            first,
            *(line[len(indent) :] if line.startswith(indent) else line for line in others),
        ]

    def edited(
        self,
        *,
        name: Optional[str] = None,
        bottoms: Optional[Sequence[str]] = None,
        tops: Optional[Sequence[str]] = None,
        fields: Optional[Mapping[str, Any]] = None,
    ) -> bytes:
        """Return the layer's source with some values changed and every other byte kept.

        Args:
            name: New name.
            bottoms: All blobs to read.
            tops: All blobs to write.
            fields: Dotted path, as in V2, to a value; a sequence for all values of a
                repeated field; None removes the field.

        Raises:
            FormatError: The layer has no such field, or its version cannot spell it.
        """
        from netsurgery.formats.prototxt.block_edits import set_value

        changes = {"name": name, "bottom": bottoms, "top": tops}
        changes = {path: value for path, value in changes.items() if value is not None}
        text = self.text
        for path, value in {**changes, **(fields or {})}.items():
            text = set_value(text, self.version, path, value, self.error)
        return text


def layers_in(source: SourceText, root: Message) -> Tuple[LayerText, ...]:
    """All layers of a document, in order.

    Raises:
        FormatError: A layer is not a block.
    """
    layers: List[LayerText] = []
    for field in root.fields:
        if field.name not in ("layer", "layers"):
            continue
        for value in field.values:
            if isinstance(value, Scalar):
                raise source.error(value.start, f"{field.name} takes a block in braces", "add it")
            layers.append(LayerText(source, field, value, len(layers)))
    return tuple(layers)


def share_known(old: Iterable[LayerText], new: Iterable[LayerText]) -> None:
    """Let layers of a changed document know what those of the same text knew already."""
    known = {
        (layer.version, layer.text): layer
        for layer in old
        if "_typed" in vars(layer) and not layer.unknown_fields  # those tell their place
    }
    for layer in new:
        twin = known.get((layer.version, layer.text))
        for name in _SHARED if twin is not None else ():
            if name in vars(twin):
                vars(layer)[name] = vars(twin)[name]


_SHARED = ("name", "type", "bottoms", "tops", "structure", "_typed", "_derived")
