"""A solver.prototxt as a lossless document: every byte that is not changed stays."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt import layout
from netsurgery.formats.prototxt.edits import Edits
from netsurgery.formats.prototxt.reading import parse_source, read_bytes
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.tokens import quote
from netsurgery.formats.prototxt.tree import Field, Message, parse_tree
from netsurgery.formats.prototxt.typed import Unknown, convert
from netsurgery.formats.schema import NetParameter, SolverParameter

_WANTED = "give the solver.prototxt that the net was trained with"


class Word(NamedTuple):
    """A word of an enum, such as ``CPU``.

    Attributes:
        text: The word.
    """

    text: str


_Single = Union[str, int, float, bool, Word]
SolverValue = Union[_Single, Sequence[int], Sequence[str]]
"""What a field of a solver takes; a sequence stands for all values of a repeated field."""


class SolverText:
    """The text of a solver. Immutable; ``data`` is its exact source.

    Attributes:
        file: Where it was read from, for errors.
        data: The source.
        source: The same, which knows lines and columns.
        root: The tree of its fields.
    """

    def __init__(self, source: SourceText, root: Message) -> None:
        self.source = source
        self.root = root
        self.file = source.file
        self.data = source.data

    @classmethod
    def parse(cls, data: bytes, file: Optional[object] = None) -> SolverText:
        """Read a document from memory.

        Raises:
            FormatError: It is no prototxt of a solver, or a value has a type that Caffe would
                refuse; names line and column, and what it seems to be instead.
        """
        source, root = parse_source(data, file, _WANTED)
        _require_solver(root, source)
        made = cls(source, root)
        assert made.parameter is not None
        return made

    @classmethod
    def read(cls, path: Union[str, os.PathLike[str]]) -> SolverText:
        """Read a file.

        Raises:
            FormatError: It cannot be read, or is no prototxt of a solver.
        """
        return cls.parse(read_bytes(path), os.fspath(path))

    @classmethod
    def of(cls, fields: Mapping[str, Optional[SolverValue]]) -> SolverText:
        """Return a new text that says this, a field a line.

        Args:
            fields: As for `changed`.

        Raises:
            FormatError: A solver has no such field, or it takes no such value.
        """
        empty = SourceText(b"")
        return cls(empty, parse_tree(b"")).changed(fields)

    def __reduce__(self) -> Any:
        return SolverText.parse, (self.data, self.file)

    def __repr__(self) -> str:
        return f"<SolverText {self.file or ''!r}: {len(self.root.fields)} fields>"

    @cached_property
    def _typed(self) -> Tuple[Any, Tuple[Unknown, ...]]:
        return convert(SolverParameter(), self.root, self.source)

    @property
    def parameter(self) -> Any:
        """The solver as a ``SolverParameter`` (shared: do not change it)."""
        return self._typed[0]

    @property
    def unknown(self) -> Tuple[str, ...]:
        """Dotted paths of the fields, or words of enums, that stock Caffe does not know."""
        return tuple(dict.fromkeys(found.path for found in self._typed[1]))

    def error(
        self, problem: str, field: Optional[str] = None, remedy: Optional[str] = None
    ) -> FormatError:
        """Make an error that names the file, and where one of its fields stands.

        Args:
            problem: What is wrong.
            field: The field at fault, where it is there.
            remedy: What to do about it.
        """
        for found in self.root.all(field) if field else ():
            return self.source.error(found.start, problem, remedy)
        return FormatError(problem, file=self.file, remedy=remedy)

    def changed(self, fields: Mapping[str, Optional[SolverValue]]) -> SolverText:
        """Return the text with fields set, or removed; all other bytes stay.

        A field that is there already gets its new value where it stands. Others go to the end.

        Args:
            fields: Name of a field to its value; None removes the field, also one that the schema
                does not know.

        Raises:
            FormatError: A solver has no such field, or it takes no such value.
        """
        edits, added = Edits(self.data), []
        for name, value in fields.items():
            old = list(self.root.all(name))
            lexemes = () if value is None else _lexemes(name, value)
            if not lexemes:
                edits.remove(*old)
                continue
            if any(isinstance(one, Message) for field in old for one in field.values):
                raise self.error(f"{name} is a block, which cannot be set", name)
            added += _set(edits, name, old, lexemes)
        data = edits.result()
        if added:
            data = _with_lines(data, added)
        return SolverText.parse(data, self.file)


def _require_solver(root: Message, source: SourceText) -> None:
    if not root.fields:
        nothing = "nothing but comments" if source.data.strip() else "empty"
        raise source.error(0, f"the file is {nothing}", _WANTED)
    known = set(SolverParameter.DESCRIPTOR.fields_by_name)
    of_nets = set(NetParameter.DESCRIPTOR.fields_by_name) - known
    for field in root.fields:
        if field.name in of_nets:
            problem = "this is the prototxt of a network, not of a solver"
            raise source.error(field.start, problem, _WANTED)
    if not any(field.name in known for field in root.fields):
        names = ", ".join(list(dict.fromkeys(field.name for field in root.fields))[:8])
        problem = f"this is no solver prototxt: the file holds only {names}"
        raise source.error(root.fields[0].start, problem, _WANTED)


def _lexemes(name: str, value: SolverValue) -> List[bytes]:
    descriptor = SolverParameter.DESCRIPTOR.fields_by_name.get(name)
    if descriptor is None or descriptor.message_type is not None:
        raise FormatError(f"a solver has no single value {name}")
    values = (value,) if isinstance(value, (str, int, float, Word)) else value
    return [_lexeme(one) for one in values]


def _lexeme(value: _Single) -> bytes:
    if isinstance(value, Word):
        return value.text.encode()
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return b"true" if value else b"false"
    # Caffe holds single precision: the shortest text that is that number.
    return str(np.float32(value) if isinstance(value, float) else value).encode()


def _set(edits: Edits, name: str, old: List[Field], lexemes: Sequence[bytes]) -> List[bytes]:
    """Put values in the place of those that are there; return fields for those left over."""
    places = [(value.start, value.end) for field in old for value in field.values]
    if any(field.listed for field in old) and len(places) != len(lexemes):
        edits.remove(*old)
        places = []
    elif len(places) > len(lexemes):
        edits.remove(*old[len(lexemes) :])
    for (start, end), lexeme in zip(places, lexemes):
        if edits.data[start:end] != lexeme:
            edits.replace(start, end, lexeme)
    return [name.encode() + b": " + lexeme for lexeme in lexemes[len(places) :]]


def _with_lines(data: bytes, lines: Sequence[bytes]) -> bytes:
    newline = layout.newline_of(data)
    if data and not data.endswith((b"\n", b"\r")):
        data += newline
    return data + b"".join(line + newline for line in lines)
