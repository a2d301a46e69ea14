"""What every method that puts two layers in the place of one has to write."""

from __future__ import annotations

from textwrap import indent
from typing import Iterable, NamedTuple

from netsurgery.errors import PlanError
from netsurgery.formats.printing import one_line
from netsurgery.formats.prototxt import LayerText
from netsurgery.methods.base import Edit
from netsurgery.methods.coupled import weights_name
from netsurgery.network.model import Model

SUFFIXES = ("_L", "_U")
# What a pair says anew, in the spelling of every version of Caffe.
_OWN_FIELDS = (
    *("name", "type", "bottom", "top", "blobs"),
    *("param", "blobs_lr", "weight_decay", "blob_share_mode"),
)


class Names(NamedTuple):
    """The names of a pair, and their endings."""

    first: str
    second: str
    suffixes: tuple[str, str]


def new_names(model: Model, edit: Edit, layer: str) -> Names:
    """Return the names of the pair that replaces ``layer``.

    Raises:
        PlanError: The net already has a layer or a blob of that name, or the option is wrong.
    """
    suffixes = edit.options.get("suffixes", SUFFIXES)
    if not _two_endings(suffixes):
        raise PlanError(
            f"suffixes {suffixes!r} are not two different texts",
            layer=layer,
            remedy="write, for example, `suffixes: [_L, _U]`",
        )
    names = Names(layer + suffixes[0], layer + suffixes[1], tuple(suffixes))
    taken = {other.name for other in model.prototxt.layers}
    taken.update(top for other in model.prototxt.layers for top in other.tops)
    taken.update(other.name for other in (model.weights.layers if model.weights else ()))
    for name in (names.first, names.second):
        if name in taken:
            raise PlanError(
                f"the net already has a layer or blob called {name!r}",
                layer=layer,
                remedy="choose other suffixes (--naming)",
            )
    return names


def carried_fields(layer: LayerText, message: str, names: Names, second: bool) -> str:
    """Return what one layer of a pair takes over from the layer it replaces.

    Rules of inclusion, unknown fields of forks and comments go to both; the loss weight to the
    second; of the multipliers, the first takes those of the weights, the second all.

    Args:
        layer: The layer that is replaced.
        message: Its parameter message, ``"inner_product_param"``, which is left out.
        names: The names of the pair.
        second: Which of the two.
    """
    left_out = {*_OWN_FIELDS, message, *(() if second else ("loss_weight",))}
    text = layer.carried(left_out).decode("utf-8", "surrogateescape")
    parameters = list(layer.parameter.param)[: 2 if second else 1]
    lines = [_parameter(layer, item, names.suffixes[second]) for item in parameters]
    return text + "".join(lines)


def carried_parameters(layer: LayerText, message: str, left_out: Iterable[str]) -> str:
    """Return the fields of the layer's parameter message but some, indented for a pair."""
    text = layer.carried(left_out, inside=message).decode("utf-8", "surrogateescape")
    return indent(text, "  ")


def _parameter(layer: LayerText, parameter: object, suffix: str) -> str:
    mine = type(parameter)()  # a copy: the layer's own message is shared
    mine.CopyFrom(parameter)  # type: ignore[attr-defined]
    if mine.name and mine.name == weights_name(layer):  # type: ignore[attr-defined]
        mine.name += suffix  # type: ignore[attr-defined]
    text = one_line(mine)
    return f"  param {{ {text} }}\n" if text else "  param { }\n"


def _two_endings(suffixes: object) -> bool:
    return (
        isinstance(suffixes, (list, tuple))
        and len(suffixes) == 2
        and all(isinstance(suffix, str) and suffix for suffix in suffixes)
        and suffixes[0] != suffixes[1]
    )
