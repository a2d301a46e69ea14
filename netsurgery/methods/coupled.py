"""Layers that one rewrite must take together: same name, or same shared weights."""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, Iterable, Mapping, Optional, Set

from netsurgery.errors import PlanError
from netsurgery.formats import SHARED, Blob, LayerText, LayerWeights, Prototxt
from netsurgery.network import Model


def coupled_layers(model: Model, name: str) -> tuple[LayerText, ...]:
    """Return every layer whose weights are those of the layer ``name``, in document order.

    A layer may stand in the prototxt once for each phase, and several layers may share their
    first blob through ``param { name }``.

    Raises:
        PlanError: There is no such layer; the text lists the names there are.
    """
    prototxt = model.prototxt
    named = prototxt.named(name)
    if not named:
        raise PlanError(
            "there is no such layer",
            file=model.prototxt.file,
            layer=name,
            remedy=f"layers with weights are {_with_weights(model)}",
        )
    sharing = prototxt.derived(coupled_layers, lambda: _sharing(prototxt))
    shared = {weights_name(layer) for layer in named} - {None}
    names = {name}.union(*(sharing[one] for one in shared if one))
    found = [layer for one in names for layer in prototxt.named(one)]
    return tuple(sorted(found, key=lambda layer: layer.index))


def _sharing(prototxt: Prototxt) -> Mapping[str, Set[str]]:
    """The names of the layers that share their first blob, by the name that they share it by."""
    found: Dict[str, Set[str]] = defaultdict(set)
    for layer in prototxt.layers:
        shared = weights_name(layer)
        if shared:
            found[shared].add(layer.name)
    return dict(found)


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
    holding = [name for name in wanted if model.weights and _holds_blobs(model.weights.find(name))]
    if len(holding) > 1 and model.weights:
        held = (layer.name for layer in model.weights.layers if _holds_blobs([layer]))
        places = {name: place for place, name in enumerate(held)}
        holding.sort(key=places.__getitem__)
    if holding:
        return model.blobs(holding[-1])
    raise PlanError(
        "the weights hold no blobs for it",
        file=model.weights.file if model.weights else None,
        layer=sorted(wanted)[0],
        remedy="see `netsurgery doctor`: the names differ, or the file was cut",
    )


def _holds_blobs(layers: Iterable[LayerWeights]) -> bool:
    return any(layer.blobs and layer.blobs[0] is not SHARED for layer in layers)


def _with_weights(model: Model) -> str:
    names = dict.fromkeys(layer.name for layer in model.prototxt.layers if model.blobs(layer.name))
    return ", ".join(names) or "none"
