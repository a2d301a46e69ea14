"""What a file is that was given as a network's prototxt and is none."""

from __future__ import annotations

from typing import Any, Optional, Set, Tuple

from netsurgery.errors import FormatError
from netsurgery.formats import sniff
from netsurgery.formats.prototxt.source_text import SourceText
from netsurgery.formats.prototxt.tokens import decode, unquote
from netsurgery.formats.prototxt.tree import Field, Message
from netsurgery.formats.schema import NetParameter, SolverParameter

Verdict = Tuple[str, str]

_LAYER = ("layer", "layers")
_WANTED = "give the prototxt of a network"
_SWAPPED = "are the two files swapped? give the prototxt first, then the weights"


def not_prototxt(data: bytes) -> Optional[Verdict]:
    """Say what bytes that do not parse are; None if they are text meant as a prototxt."""
    kind = sniff.identify(data)
    if kind is None or kind in (sniff.PROTOTXT, sniff.SOLVER, sniff.TEXT):
        return None
    remedy = _SWAPPED if kind in (sniff.CAFFEMODEL, sniff.HDF5) else kind.remedy
    return f"this is {kind.phrase}, not a prototxt", remedy


def _names(message: Any) -> Set[str]:
    return set(message.DESCRIPTOR.fields_by_name)


def why_no_net(root: Message, source: SourceText) -> FormatError:
    """Make the error that says why a prototxt without a layer is no network."""
    if not root.fields:
        nothing = "nothing but comments" if source.data.strip() else "empty"
        return source.error(0, f"the file is {nothing}", _WANTED)
    of_solvers = _names(SolverParameter) - _names(NetParameter)
    for field in root.fields:
        if field.name in of_solvers:
            return _solver(root, source, field)
        if field.name.lower() in _LAYER and field.name not in _LAYER:
            problem = f"no layer: `{field.name}` is not how Caffe spells it"
            return source.error(field.start, problem, "write `layer`")
    first = root.fields[0]
    if any(field.name == "item" for field in root.fields):
        return source.error(first.start, "this is a label map, not a network", _WANTED)
    names = ", ".join(list(dict.fromkeys(field.name for field in root.fields))[:8])
    return source.error(first.start, f"no layer: the file holds only {names}", _WANTED)


def _solver(root: Message, source: SourceText, field: Field) -> FormatError:
    """Say that it is a solver, at the field that shows it, and which net it names."""
    for name in ("net", "train_net", "test_net"):
        for value in root.values(name):
            path = decode(unquote(source.data[value.start : value.end]))
            problem = f'this is a solver prototxt; its net is `{name}: "{path}"`'
            return source.error(field.start, problem, "give that file")
    if {"net_param", "train_net_param"} & {field.name for field in root.fields}:
        problem = "this is a solver prototxt with its net inside"
        return source.error(field.start, problem, "put the net in a file of its own")
    return source.error(field.start, "this is a solver prototxt, not a network", _WANTED)
