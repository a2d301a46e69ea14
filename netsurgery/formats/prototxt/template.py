"""Fill in the prototxt templates that new layers come from."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Mapping, Optional, Tuple, Union

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.layer_text import LayerText, layers_in
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.syntax_errors import PrototxtSyntaxError
from netsurgery.formats.prototxt.tokens import decode, encode, quote
from netsurgery.formats.prototxt.tree import parse_tree

_PACKAGE = Path(__file__).resolve().parents[2]
# In an installed package the templates are inside it, in a checkout beside it.
_FOLDERS = (_PACKAGE / "prototxt_templates", _PACKAGE.parent / "prototxt_templates")
_whole_line = re.compile(r"^[ \t]*\$(?:\{(\w+)\}|(\w+))[ \t]*\n", re.MULTILINE)


class Carried(ABC):
    """What a new layer takes over from the layer in whose place it stands."""

    @abstractmethod
    def of(self, layer: LayerText) -> str:
        """Return it as text, taken from a layer."""


Filling = Union[str, int, Carried, Tuple["Filling", ...]]


@dataclass(frozen=True)
class LayerTemplate:
    """New layers for the place of one, before what they take over from that one is filled in.

    The same new layers can so stand in two texts of a net, and say in each what the old layer said
    there: learning rates, fillers, rules of inclusion.

    Attributes:
        name: The template's file name without ``.prototxt``.
        values: What to put for each ``$placeholder``; several in a tuple, one behind the other.
        folder: A folder of templates that is looked at first.
    """

    name: str
    values: Mapping[str, Filling]
    folder: Optional[Union[str, os.PathLike[str]]] = None

    def fill(self, layer: LayerText) -> bytes:
        """Return the text of the new layers, in V2, for the place of ``layer``.

        Raises:
            FormatError: As `render`.
        """
        values = {name: _told(value, layer) for name, value in self.values.items()}
        return render(self.name, values, self.folder)


def _told(value: Filling, layer: LayerText) -> Union[str, int]:
    if isinstance(value, Carried):
        return value.of(layer)
    if isinstance(value, tuple):
        return "".join(str(_told(one, layer)) for one in value)
    return value


def quoted(text: str) -> str:
    """Write a name, or any text, as the string value that stands for it."""
    return decode(quote(text))


def template_names() -> tuple[str, ...]:
    """The names of the templates that ship with netsurgery, sorted."""
    found = (path.stem for folder in _FOLDERS for path in folder.glob("*.prototxt"))
    return tuple(sorted(set(found)))


def _path_of(name: str, folder: Optional[Union[str, os.PathLike[str]]]) -> Path:
    folders = (Path(folder), *_FOLDERS) if folder is not None else _FOLDERS
    for place in folders:
        path = place / f"{name}.prototxt"
        if path.is_file():
            return path
    shown = " nor ".join(str(place) for place in folders)
    raise FormatError(f"no template {name}.prototxt in {shown}", remedy="see prototxt_templates/")


def _blocks_filled_in(text: str, values: Mapping[str, Union[str, int]]) -> str:
    """Put whole lines in the place of a placeholder that has its line to itself."""

    def lines(found: re.Match[str]) -> str:
        value = values.get(found.group(1) or found.group(2))
        if not isinstance(value, str) or (value and not value.endswith("\n")):
            return found.group()
        return value.replace("$", "$$")

    return _whole_line.sub(lines, text)


def render(
    name: str,
    values: Mapping[str, Union[str, int]],
    folder: Optional[Union[str, os.PathLike[str]]] = None,
) -> bytes:
    """Fill in a template and return its text, which is sound prototxt.

    Args:
        name: The template's file name without ``.prototxt``.
        values: What to put for each ``$placeholder``: a number, a word, a name made safe by
            `quoted`, or lines that end with a line end (or nothing) for a placeholder on a
            line of its own.
        folder: A folder of templates that is looked at first.

    Raises:
        FormatError: No such template, a placeholder without a value, or the result is no
            prototxt, has a value that Caffe would refuse, or the template a field that it
            does not know (a value may: fork fields are carried along).
    """
    path = _path_of(name, folder)
    try:
        text = decode(path.read_bytes())
        filled = Template(_blocks_filled_in(text, values)).substitute(values)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", file=path) from None
    except KeyError as error:
        raise FormatError(f"no value is given for ${error.args[0]}", file=path) from None
    except ValueError as error:
        raise FormatError(f"is no template: {error}", file=path, remedy="write $$ for $") from None
    data = encode(filled)
    _check(SourceText(data, str(path)), text)
    return data


def _check(source: SourceText, template: str) -> None:
    try:
        layers = layers_in(source, parse_tree(source.data))
    except PrototxtSyntaxError as flaw:
        raise source.error(flaw.offset, flaw.problem, flaw.remedy) from None
    for layer in layers:
        for path, field in layer.unknown_fields:
            if re.search(rf"\b{re.escape(field.name)}\b", template):
                raise source.error(field.start, f"a layer has no field {path}")
