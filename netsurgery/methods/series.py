"""What methods have to write that put a series of layers of several types in the place of one."""

from __future__ import annotations

from typing import Sequence, Tuple

from netsurgery.errors import PlanError
from netsurgery.formats.printing import one_line
from netsurgery.formats.prototxt import LayerText
from netsurgery.formats.weights import Blob
from netsurgery.methods.base import Edit
from netsurgery.methods.coupled import coupled_layers, loaded_blobs
from netsurgery.network.model import Model

# What new layers say anew, in the spelling of every version of Caffe, or cannot all say.
_OWN_FIELDS = (
    *("name", "type", "bottom", "top", "blobs", "param", "blobs_lr", "weight_decay"),
    *("blob_share_mode", "loss_weight"),
)


def sole_layer(model: Model, edit: Edit, kind: str, message: str) -> Tuple[LayerText, Blob]:
    """Return the layer to rewrite and its weights, which no other layer may share.

    Args:
        model: The model.
        edit: The order.
        kind: The type that the layer must have.
        message: The name of its parameter message.

    Raises:
        PlanError: There is no such layer, or the method cannot take it.
    """
    layer, *others = coupled_layers(model, edit.layer)
    blobs = loaded_blobs(model, [edit.layer])
    wanted = 1 + getattr(layer.parameter, message).bias_term
    problem = ""
    if layer.type != kind:
        problem = f"it is of type {layer.type}; {edit.method} takes {kind}"
    elif others:
        problem = f"{edit.method} does not take weights that layers share"
    elif (len(layer.bottoms), len(layer.tops)) != (1, 1):
        problem = "it has several bottoms or tops"
    elif len(blobs) != wanted:
        problem = f"the weights hold {len(blobs)} blobs, the prototxt asks for {wanted}"
    if problem:
        raise PlanError(problem, layer=edit.layer, remedy="leave it out of the plan")
    return layer, blobs[0]


def free_names(model: Model, layer: str, endings: Sequence[str]) -> Tuple[str, ...]:
    """Return the layer's name with each ending.

    Raises:
        PlanError: The net has a layer or a blob of such a name.
    """
    names = tuple(layer + ending for ending in endings)
    taken = {other.name for other in model.prototxt.layers}
    taken.update(top for other in model.prototxt.layers for top in other.tops)
    taken.update(other.name for other in (model.weights.layers if model.weights else ()))
    for name in names:
        if name in taken:
            raise PlanError(f"the net already has a layer or blob called {name!r}", layer=layer)
    return names


def rules_of(layer: LayerText, message: str) -> str:
    """Return what every new layer carries along: rules of inclusion, and fields of forks."""
    return layer.carried({*_OWN_FIELDS, message}).decode("utf-8", "surrogateescape")


def multipliers_of(layer: LayerText, *blobs: int) -> str:
    """Return the learning rates of the layer's blobs of these numbers, as ``param`` blocks."""
    lines = []
    for index in blobs:
        given = layer.parameter.param[index : index + 1]
        mine = type(given[0])() if given else None
        if mine is not None:
            mine.CopyFrom(given[0])
            mine.ClearField("name")
        lines.append(f"  param {{ {one_line(mine)} }}\n" if mine is not None else "  param { }\n")
    return "".join(lines)


def smaller(edit: Edit, before: int, after: int, limit: str) -> None:
    """Refuse what does not make the weights smaller.

    Raises:
        PlanError: It does not.
    """
    if after >= before:
        raise PlanError(
            f"{edit.method} does not make its weights smaller ({after:,} instead of {before:,})",
            layer=edit.layer,
            remedy=limit,
        )
