"""A network's prototxt as a lossless document: every byte that is not edited stays."""

from __future__ import annotations

import itertools
import os
from functools import cached_property
from typing import (
    Any,
    Callable,
    Dict,
    Hashable,
    Iterable,
    List,
    Mapping,
    Optional,
    Tuple,
    TypeVar,
    Union,
)

from netsurgery.formats.digest import sha256
from netsurgery.formats.prototxt.layer_text import LayerText, layers_in, share_known
from netsurgery.formats.prototxt.reading import parse_source, read_bytes
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.structure import structure_of
from netsurgery.formats.prototxt.tokens import decode, unquote
from netsurgery.formats.prototxt.tree import Message
from netsurgery.formats.prototxt.typed import Unknown, convert
from netsurgery.formats.schema import NetParameter
from netsurgery.remembered import Remembered

__all__ = ["LayerText", "Prototxt"]

Edit = Tuple[int, int, bytes]
T = TypeVar("T")

_MOST_DERIVED = 8


class Prototxt:
    """The text of a Caffe network. Immutable; ``bytes(prototxt)`` is its exact source.

    Attributes:
        file: Where it was read from, for errors.
        data: The source.
        source: The same, which knows lines and columns.
        root: The tree of its fields.
        layers: Every ``layer`` or ``layers``, in document order.
    """

    def __init__(self, source: SourceText, root: Message) -> None:
        self.source = source
        self.root = root
        self.file = source.file
        self.data = source.data
        self.layers: Tuple[LayerText, ...] = layers_in(source, root)
        self._latest: Optional[Prototxt] = None
        self._derived = Remembered(_MOST_DERIVED)
        self._check_versions()

    @classmethod
    def parse(cls, data: bytes, file: Optional[object] = None) -> Prototxt:
        """Read a document from memory.

        Raises:
            FormatError: It is no prototxt of a network; names line and column, and what
                it seems to be instead.
        """
        source, root = parse_source(data, file)
        net = cls(source, root)
        if not net.layers:
            from netsurgery.formats.prototxt.wrong_file import why_no_net

            raise why_no_net(root, source)
        return net

    @classmethod
    def read(cls, path: Union[str, os.PathLike[str]]) -> Prototxt:
        """Read a file.

        Raises:
            FormatError: It cannot be read, or is no prototxt of a network.
        """
        return cls.parse(read_bytes(path), os.fspath(path))

    def __reduce__(self) -> Any:
        return Prototxt.parse, (self.data, self.file)

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"<Prototxt {self.file or self.name!r}: {len(self.layers)} layers, {self.version}>"

    def _check_versions(self) -> None:
        names = {"V2": "`layer`", "V1": "`layers`", "V0": "`layers` with a `layer` inside"}
        for layer in self.layers:
            if layer.version != self.version:
                raise layer.error(
                    f"{names[layer.version]} in a net that starts with {names[self.version]}",
                    "Caffe reads no mixture: rewrite one as the other",
                )

    def derived(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return what others make of this text, such as a network, made once.

        Args:
            what: What it is, and all that it depends on besides the text.
            make: Makes it.
        """
        return self._derived.get(what, make)

    @property
    def version(self) -> str:
        """``"V2"`` (``layer``), ``"V1"`` (``layers``) or ``"V0"`` (``layers`` around ``layer``)."""
        return self.layers[0].version

    def named(self, name: str) -> Tuple[LayerText, ...]:
        """Return the layers of a name, of whatever phase."""
        return self._by_name.get(name, ())

    @cached_property
    def _by_name(self) -> Mapping[str, Tuple[LayerText, ...]]:
        found: Dict[str, Tuple[LayerText, ...]] = {}
        for layer in self.layers:
            found[layer.name] = (*found.get(layer.name, ()), layer)
        return found

    @cached_property
    def digest(self) -> str:
        """A sha256 of what it says; see `netsurgery.formats.prototxt.structure`."""
        header = [one for one in self.root.fields if one.name not in ("layer", "layers")]
        found = sha256(structure_of(self.data, header))
        for layer in self.layers:
            found.update(layer.structure)
        return found.hexdigest()

    @cached_property
    def _header(self) -> Tuple[Any, Tuple[Unknown, ...]]:
        header = Message(0)
        header.fields = [f for f in self.root.fields if f.name not in ("layer", "layers")]
        return convert(NetParameter(), header, self.source)

    @property
    def header(self) -> Any:
        """The net's own fields as a ``NetParameter`` without layers (shared: do not change it).

        Raises:
            FormatError: A value has a type that Caffe would refuse.
        """
        return self._header[0]

    @property
    def unknown(self) -> Tuple[str, ...]:
        """The net's own fields that stock Caffe does not know, such as a misspelt ``Layer``."""
        return tuple(dict.fromkeys(found.path for found in self._header[1]))

    @property
    def unknown_fields(self) -> Tuple[Unknown, ...]:
        """Where what `unknown` names stands."""
        return self._header[1]

    @property
    def name(self) -> str:
        """The net's name, ``""`` if it has none."""
        return next(iter(self._header_strings("name")), "")

    def _header_strings(self, name: str) -> List[str]:
        assert self.header is not None
        values = self.root.values(name)
        return [decode(unquote(self.data[v.start : v.end])) for v in values]

    @cached_property
    def inputs(self) -> Tuple[Tuple[str, Optional[Tuple[int, ...]]], ...]:
        """The net's own inputs, ``input`` with ``input_shape`` or ``input_dim``: name and shape.

        The shape is None where the document gives none.

        Raises:
            FormatError: There are shapes, but not for every input.
        """
        names = self._header_strings("input")
        shapes = [tuple(shape.dim) for shape in self.header.input_shape]
        dims = self.header.input_dim
        if not shapes and dims:
            shapes = [tuple(dims[start : start + 4]) for start in range(0, len(dims) - 3, 4)]
            given = f"{len(dims)} input_dim (each input takes four)"
        else:
            given = f"{len(shapes)} input_shape"
        if len(shapes) < len(names) and (shapes or dims):
            first = next(self.root.values("input"))
            raise self.source.error(first.start, f"{len(names)} inputs, but {given}")
        return tuple(itertools.zip_longest(names, shapes[: len(names)]))

    @property
    def state(self) -> Any:
        """The net's own ``NetState`` (phase, level, stage), empty if it gives none."""
        return self.header.state

    @property
    def force_backward(self) -> bool:
        """Whether the net asks for gradients of every blob."""
        return self.header.force_backward

    def splice(self, edits: Iterable[Edit]) -> Prototxt:
        """Replace byte ranges ``(start, end, new)``; all other bytes stay.

        Raises:
            ValueError: The ranges overlap or lie outside the document.
            FormatError: The result is no prototxt of a network.
        """
        pieces, position = [], 0
        for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
            if not position <= start <= end <= len(self.data):
                raise ValueError(f"edit of bytes {start} to {end} overlaps or lies outside")
            pieces += [self.data[position:start], new]
            position = end
        data = b"".join([*pieces, self.data[position:]])
        # Who plans a change and who carries it out ask for the same text, one after the other.
        if self._latest is None or self._latest.data != data:
            self._latest = Prototxt.parse(data, self.file)
            share_known(self.layers, self._latest.layers)
        return self._latest

    def replace_layers(
        self, changes: Mapping[int, bytes], behind: Optional[Mapping[int, bytes]] = None
    ) -> Prototxt:
        """Put new text in the place of layers, or behind them; all other bytes stay.

        New text gets the line ends, indentation and spacing of its surroundings. A layer
        that is removed takes its line along.

        Args:
            changes: Index of a layer: the source of none, one or several layers.
            behind: Index of a layer that stays: the source of layers that come behind it.

        Raises:
            IndexError: There is no layer of that index.
            FormatError: The new text is no prototxt, or the result is no network.
        """
        from netsurgery.formats.prototxt import layer_layout

        behind = behind or {}
        for index in (*changes, *behind):
            if not 0 <= index < len(self.layers):
                raise IndexError(f"no layer {index}: there are {len(self.layers)}")
        return self.splice(
            layer_layout.edits(self.data, self.layers, changes)
            + layer_layout.insertions(self.data, self.layers, behind)
        )
