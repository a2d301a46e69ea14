"""What to do where no engine that trains has all layers of a net."""

from __future__ import annotations

from typing import List, Sequence

from netsurgery.engine import Capability, Engine, EngineLike, choose, usable_engines
from netsurgery.errors import EngineError, Remedy
from netsurgery.network import Network, lacking


def engine_for(wanted: EngineLike, network: Network) -> Engine:
    """Return an engine that trains a net, by its name or the first that can.

    Args:
        wanted: The engine, its name, or None.
        network: As much of the net as is learned.

    Raises:
        EngineError: There is none. Where some train, but lack layers, it says which, and how the
            layers before them can be trained.
    """
    try:
        engine = choose(wanted, [network], [Capability.SOLVE])
        missing = [(engine, lacking(network, engine.unsupported))]
        if not missing[0][1]:
            return engine
    except EngineError:
        engines = [] if wanted is not None else usable_engines(Capability.SOLVE)
        missing = [(one, lacking(network, one.unsupported)) for one in engines]
        if not missing or not all(types for _, types in missing):
            raise
    told = "; ".join(f"{one.name} has no {_and(types)}" for one, types in missing)
    first = next(layer for layer in network.layers if layer.type in missing[0][1])
    raise EngineError(
        f"no engine here can train it ({told})",
        file=network.prototxt.file,
        layer=first.name,
        remedy=how_to_train_before(first.name),
    )


def how_to_train_before(layer: str) -> Remedy:
    """Return how the layers before one are trained that an engine lacks.

    Args:
        layer: The first that it lacks.
    """
    return Remedy(
        f"train the layers before: leave {layer!r} and what follows it out of copies of this "
        "text and of the {}'s, and use the weights that come of it with the whole text",
        "teacher",
    )


def _and(types: Sequence[str]) -> str:
    *others, last = list(types)
    found: List[str] = [", ".join(others), last] if others else [last]
    return " and no ".join(found)
