"""What becomes of a batch normalisation's statistics while a net is trained."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from netsurgery.errors import Remedy, RequestError
from netsurgery.formats import Prototxt
from netsurgery.network import Layer, Network, ParameterKey

FROZEN = "frozen"
"""Statistics stay what they are, and normalise."""
POLICIES = (FROZEN,)


class Normalised(NamedTuple):
    """A text whose normalisations keep to a policy.

    Attributes:
        prototxt: The text.
        still: The blobs that must not be trained.
        notes: What was done, a sentence each.
    """

    prototxt: Prototxt
    still: Tuple[ParameterKey, ...] = ()
    notes: Tuple[str, ...] = ()


def normalised(prototxt: Prototxt, policy: str) -> Normalised:
    """Return a training text in which statistics are frozen.

    A layer whose text says that it takes what it has learnt keeps that, whatever the policy.

    Args:
        prototxt: A V2 text whose layers are all built.
        policy: One of `POLICIES`.

    Raises:
        RequestError: There is no such policy, or a layer of a fork cannot keep to it.
    """
    if policy not in POLICIES:
        raise RequestError(Remedy(f"{{}} is one of {', '.join(POLICIES)}", "batchnorm"))
    network = Network.of(prototxt, "TRAIN")
    layers = [one for one in network.layers if one.layer_type.gathers_statistics(one)]
    if not layers:
        return _held(network, prototxt)
    changes = {layer.text.index: _frozen(layer) for layer in layers}
    text = prototxt.replace_layers(changes)
    note = f"the statistics of {_count(layers)} stay as they are"
    kept = _held(Network.of(text, "TRAIN"), text)
    return Normalised(text, kept.still, (note,))


def _held(network: Network, prototxt: Prototxt) -> Normalised:
    """Layers that normalise by what they have learnt: their statistics are no weights."""
    still: Set[ParameterKey] = set()
    layers: List[Layer] = []
    for layer in network.layers:
        places = layer.layer_type.normalisation(layer)
        if places is None or layer.layer_type.gathers_statistics(layer):
            continue
        layers.append(layer)
        own = (places.mean, places.variance, places.factor)
        # A fork's own scale and shift: an engine may know the layer by other names only.
        inside = (places.scale, places.shift)
        still.update((layer.name, place) for place in (*own, *inside) if place is not None)
    notes = (f"the statistics of {_count(layers)} stay as they are",) if layers else ()
    return Normalised(prototxt, tuple(sorted(still)), notes)


def _frozen(layer: Layer) -> bytes:
    fields: Optional[Dict[str, object]] = layer.layer_type.freezing_fields(layer)
    if fields is None:
        raise RequestError(
            f"layer {layer.name!r} of type {layer.type} gathers statistics when it is trained, and "
            "nothing is known that would stop it",
            remedy="fold it first, or write it as a BatchNorm and a Scale",
        )
    return layer.text.edited(fields=fields)


def _count(layers: List[Layer]) -> str:
    types = " and ".join(dict.fromkeys(layer.type for layer in layers))
    return f"{len(layers)} {types} layer{'s' if len(layers) > 1 else ''}"
