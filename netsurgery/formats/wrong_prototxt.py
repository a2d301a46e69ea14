"""What a file is that was given as a network's prototxt and is none."""

from __future__ import annotations

from typing import Any, Optional, Set, Tuple

from netsurgery.formats import sniff
from netsurgery.formats.prototxt_tree import Message
from netsurgery.formats.schema import NetParameter, SolverParameter
from netsurgery.formats.tokens import decode, unquote

Verdict = Tuple[str, str]

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


def why_no_net(root: Message, data: bytes) -> Verdict:
    """Say why a well-formed prototxt without a layer is no network, and what to do."""
    names = [field.name for field in root.fields]
    if not names:
        return f"the file is {'empty' if not data.strip() else 'nothing but comments'}", _WANTED
    if set(names) & (_names(SolverParameter) - _names(NetParameter)):
        return _solver(root, data)
    misspelt = next((name for name in names if name.lower() in ("layer", "layers")), None)
    if misspelt:
        return f"no layer: `{misspelt}` is not how Caffe spells it", "write `layer`"
    if set(names) & {"item"}:
        return "this is a label map, not a network", _WANTED
    shown = ", ".join(dict.fromkeys(names[:8]))
    return f"no layer: the file holds only {shown}", _WANTED


def _solver(root: Message, data: bytes) -> Verdict:
    for name in ("net", "train_net", "test_net"):
        for value in root.values(name):
            path = decode(unquote(data[value.start : value.end]))
            return f'this is a solver prototxt; its net is `{name}: "{path}"`', "give that file"
    if any(name in ("net_param", "train_net_param") for name in (f.name for f in root.fields)):
        return "this is a solver prototxt with its net inside", "put the net in a file of its own"
    return "this is a solver prototxt, not a network", _WANTED
