"""What is not known of a network's shapes, and why: nothing that depends on it is judged."""

from __future__ import annotations

from typing import List, Optional

from netsurgery.errors import NetworkError, Remedy
from netsurgery.layers import Layer, unknown_fields, why_unknown
from netsurgery.network.cost import LayerCost, count_cost
from netsurgery.network.graph import Network
from netsurgery.network.model import Model
from netsurgery.network.shapes import Shapes, infer_shapes

_ELSE = "change layers by rules of their own, without a budget"


def known_costs(model: Model, rois: Optional[int] = None) -> List[LayerCost]:
    """Return what every layer costs, for a budget to be judged by.

    Args:
        model: The network with its weights.
        rois: Number of regions of interest, see `infer_shapes`.

    Raises:
        NetworkError: Parameters or multiply-accumulates of a layer are not known. Names the first
            layer that nothing is known behind, why, and what to do.
    """
    network = model.network()
    shapes = infer_shapes(network, None, rois, model.weights)
    costs = count_cost(network, shapes, model)
    missing = [cost for cost in costs if cost.macs is None or cost.params is None]
    if missing:
        raise _unknown(network, shapes, missing)
    return costs


def unknown_reason(network: Network, shapes: Shapes) -> Optional[NetworkError]:
    """Return why shapes of a network are not known, of the first that is not, or None.

    Args:
        network: The network.
        shapes: The shapes of its values, from `infer_shapes`.
    """
    for value in network.legacy_inputs:
        if shapes[value] is None:
            problem = f"input {value.blob!r} declares no shape"
            return NetworkError(problem, file=network.prototxt.file, remedy=_given(value.blob))
    for layer in network.layers:
        unknown = [top for top in layer.tops if shapes[top] is None]
        if unknown and all(shapes[bottom] is not None for bottom in layer.bottoms):
            return _reason(network, layer, unknown[0].blob)
    return None


def _reason(network: Network, layer: Layer, blob: str) -> NetworkError:
    remedy: str = _ELSE
    if not layer.bottoms:
        problem = f"it is of type {layer.type} and tells no shape of {blob!r}"
        remedy = _given(blob)
    elif not layer.layer_type.knows_shapes:
        problem = why_unknown(layer.type)
    elif unknown_fields(layer.text):
        fields = ", ".join(unknown_fields(layer.text))
        problem = f"it has fields of a fork that may change shapes ({fields})"
    else:
        problem = f"what shape it makes of {blob!r} only running it tells"
    text = layer.text
    return NetworkError(
        problem,
        file=network.prototxt.file,
        line=text.line,
        column=text.column,
        layer=layer.name,
        remedy=remedy,
    )


def _given(blob: str) -> Remedy:
    name = blob.replace("{", "{{").replace("}", "}}")
    return Remedy(f"give it with {{}}, as in {name}=1,3,224,224", "input_shapes")


def _unknown(network: Network, shapes: Shapes, missing: List[LayerCost]) -> NetworkError:
    first = missing[0]
    cost = "multiply-accumulates" if first.macs is None else "parameters"
    error = unknown_reason(network, shapes) or NetworkError(
        why_unknown(first.layer.type),
        file=network.prototxt.file,
        line=first.layer.text.line,
        column=first.layer.text.column,
        layer=first.layer.name,
        remedy=_ELSE,
    )
    names = ", ".join(repr(one.layer.name) for one in missing[:3])
    more = f" and {len(missing) - 3} more" if missing[3:] else ""
    error.problem += f", so that the {cost} of {names}{more} are not known and no budget is judged"
    return error
