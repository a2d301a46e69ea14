"""Layers that one rewrite must take together: same name, or same shared weights."""

from __future__ import annotations

from typing import Iterable, Optional

from netsurgery.errors import PlanError
from netsurgery.formats import SHARED, Blob, LayerText
from netsurgery.network import Model


def coupled_layers(model: Model, name: str) -> tuple[LayerText, ...]:
    """Return every layer whose weights are those of the layer ``name``, in document order.

    A layer may stand in the prototxt once for each phase, and several layers may share their
    first blob through ``param { name }``.

    Raises:
        PlanError: There is no such layer; the text lists the names there are.
    """
    layers = model.prototxt.layers
    named = [layer for layer in layers if layer.name == name]
    if not named:
        raise PlanError(
            "there is no such layer",
            file=model.prototxt.file,
            layer=name,
            remedy=f"layers with weights are {_with_weights(model)}",
        )
    shared = {weights_name(layer) for layer in named} - {None}
    names = {name} | {layer.name for layer in layers if weights_name(layer) in shared}
    return tuple(layer for layer in layers if layer.name in names)


def weights_name(layer: LayerText) -> Optional[str]:
    """Return the name under which the layer shares its first blob, or None."""
    parameters = layer.parameter.param
    return parameters[0].name or None if parameters else None


def loaded_blobs(model: Model, names: Iterable[str]) -> tuple[Blob, ...]:
    """Return the blobs that layers sharing their weights end up with in Caffe.

    Caffe copies layer by layer in the order of the file into the same memory: the last wins.

    Raises:
        PlanError: The weights hold none of the layers.
    """
    wanted = set(names)
    for layer in reversed(model.weights.layers if model.weights else ()):
        if layer.name in wanted and layer.blobs and layer.blobs[0] is not SHARED:
            return model.blobs(layer.name)
    raise PlanError(
        "the weights hold no blobs for it",
        file=model.weights.file if model.weights else None,
        layer=sorted(wanted)[0],
        remedy="see `netsurgery doctor`: the names differ, or the file was cut",
    )


def _with_weights(model: Model) -> str:
    names = dict.fromkeys(layer.name for layer in model.prototxt.layers if model.blobs(layer.name))
    return ", ".join(names) or "none"
