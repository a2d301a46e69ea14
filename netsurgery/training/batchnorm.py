"""What becomes of a batch normalisation's statistics while a net is trained."""

from __future__ import annotations

from typing import Collection, Dict, List, NamedTuple, Optional, Set, Tuple

from netsurgery.engine import Engine, why_no_batch_statistics
from netsurgery.errors import EngineError, Remedy, RequestError
from netsurgery.formats import Prototxt
from netsurgery.network import Layer, Network, ParameterKey

FROZEN, UPDATE = "frozen", "update"
POLICIES = (FROZEN, UPDATE)
"""Statistics stay what they are, and normalise; or those of each batch do, and are gathered."""


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


def normalised(
    prototxt: Prototxt,
    policy: str,
    engine: Optional[Engine] = None,
    frozen: Collection[str] = (),
) -> Normalised:
    """Return a training text in which statistics are frozen, or gathered.

    A layer whose text says that it takes what it has learnt keeps that, whatever the policy.

    Args:
        prototxt: A V2 text whose layers are all built.
        policy: One of `POLICIES`.
        engine: The engine that is to gather them.
        frozen: Names of layers that stay as they are, whatever the policy: their statistics too.

    Raises:
        RequestError: There is no such policy, or a layer of a fork cannot keep to it.
        EngineError: The engine takes no statistics of a batch.
    """
    if policy not in POLICIES:
        raise RequestError(Remedy(f"{{}} is one of {', '.join(POLICIES)}", "batchnorm"))
    network = Network.of(prototxt, "TRAIN")
    layers = [one for one in network.layers if one.layer_type.gathers_statistics(one)]
    gathering = [one for one in layers if policy == UPDATE and one.name not in frozen]
    if gathering:
        _require_statistics(gathering, prototxt, engine)
    changes = {one.text.index: _frozen(one) for one in layers if one not in gathering}
    text = prototxt.replace_layers(changes) if changes else prototxt
    kept = _held(Network.of(text, "TRAIN"), text)
    note = f"the statistics of {_count(gathering)} are gathered anew, with those of each batch"
    return kept._replace(notes=((note, *kept.notes) if gathering else kept.notes))


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


def _require_statistics(layers: List[Layer], prototxt: Prototxt, engine: Optional[Engine]) -> None:
    foreign = next((one for one in layers if not one.layer_type.is_stock), None)
    if foreign is not None:
        raise RequestError(
            f"layer {foreign.name!r} is of type {foreign.type}, whose statistics only its own Caffe"
            " gathers",
            remedy=Remedy(f"leave out {{}}, which is {FROZEN} then", "batchnorm"),
        )
    reason = why_no_batch_statistics(engine) if engine is not None else ""
    if reason:
        raise EngineError(
            reason,
            file=prototxt.file,
            layer=layers[0].name,
            remedy=Remedy(
                "leave out {}, which keeps them as they are, fold them first, or give an {} that "
                "takes them",
                "batchnorm",
                "engine",
            ),
        )


def _count(layers: List[Layer]) -> str:
    types = " and ".join(dict.fromkeys(layer.type for layer in layers))
    return f"{len(layers)} {types} layer{'s' if len(layers) > 1 else ''}"
