"""What layers take in an engine: each alone in a net of its own, timed once for every shape."""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterable, List, Sequence, Tuple

import numpy as np

from netsurgery.costs.stopwatch import SESSIONS, Stopwatch, in_turn
from netsurgery.engine import Engine
from netsurgery.errors import PlanError
from netsurgery.formats import Blob, LayerText, LayerWeights, Prototxt, Weights
from netsurgery.linalg import Ranks, Tradeoff, even_numbers
from netsurgery.measurements import MeasurementStore, digest_of
from netsurgery.methods import LowRankMethod
from netsurgery.network import Model, Shape, count_cost, declaration, infer_shapes

GRID = 3
"""Ranks of each method that a layer is timed at; what lies between is read off a line."""
SMALL = 0.01
"""Layers that take no more than this share of a pass are taken to gain nothing: it is not worth
a measurement."""
_NAMES = re.compile(rb'(name|bottom|top)\s*:\s*"[^"]*"')
"""What a layer is called does not matter to how long it takes."""
_SOME = 1 << 16
"""Random numbers that all weights of a net are made of: to make new ones takes longer."""


class Clock:
    """Times layers and the chains that can stand in for them.

    Attributes:
        engine: The engine.
        store: What was timed already, by engine and shape.
    """

    def __init__(self, engine: Engine, store: MeasurementStore) -> None:
        self.engine, self.store = engine, store
        self._stopwatch = Stopwatch(engine)
        self._wholes: Dict[int, Tuple[Model, float]] = {}

    def whole(self, model: Model) -> float:
        """Return the seconds of a forward pass of a model."""
        if id(model) not in self._wholes:
            self._wholes[id(model)] = model, self._seconds(model, self._least)
        return self._wholes[id(model)][1]

    def share(self, model: Model, smaller: Model) -> float:
        """Return what a forward pass of another model takes of the time of that of a model."""
        named = digest_of("share", self._key(model), self._key(smaller))
        told = f"share of the time in {self.engine.name}"
        return self.store.number(named, lambda: in_turn(self.engine, model, smaller).share, told)

    def layers(self, model: Model, names: Sequence[str]) -> float:
        """Return the seconds of layers, each alone."""
        return self._alone((layer.text, shape) for layer, shape in _places(model, names))

    def chains(
        self,
        model: Model,
        names: Sequence[str],
        chosen: LowRankMethod,
        tradeoff: Tradeoff,
        ranks: Sequence[Ranks],
    ) -> np.ndarray:
        """Return the seconds of the chains in the places of layers, at each of some ranks.

        Raises:
            PlanError: The shape of what a layer reads is not known.
        """
        own = self.layers(model, names)
        if own <= SMALL * self.whole(model):
            return np.full(len(ranks), own)
        cost = tradeoff.macs or tradeoff.weights
        macs = np.array([cost.at(one) for one in ranks], float)
        order = np.argsort(macs, kind="stable")
        grid = [int(order[number]) for number in even_numbers(len(order), GRID)]
        places = _places(model, names)
        seconds = [
            self._alone(
                (chosen.sketch(model, layer, ranks[number]), shape) for layer, shape in places
            )
            for number in grid
        ]
        return np.interp(macs, macs[grid], seconds)

    def close(self) -> None:
        """End the engine's child process; the next measurement starts another."""
        self._stopwatch.close()

    def _alone(self, places: Iterable[Tuple[bytes, Shape]]) -> float:
        """The seconds of layers and chains, each in a net of its own, added up."""

        def measure(net: Model) -> float:
            return self._stopwatch.time(_filled(net))

        return sum(self._seconds(_net(text, bottom), measure) for text, bottom in places)

    def _seconds(self, model: Model, measure: Callable[[Model], float]) -> float:
        key = digest_of("seconds", self._key(model))
        return self.store.number(key, lambda: measure(model), f"seconds in {self.engine.name}")

    def _key(self, model: Model) -> str:
        text = _NAMES.sub(rb"\1", model.prototxt.data)
        shapes = [list(shape or ()) for shape in infer_shapes(model.network()).values()]
        return digest_of(self.engine.name, self.engine.probe().version, text, shapes)

    def _least(self, model: Model) -> float:
        return min(self._stopwatch.time(model, anew=True) for _ in range(SESSIONS))


def _places(model: Model, names: Sequence[str]) -> List[Tuple[LayerText, Shape]]:
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    found = [(one.text, shapes[one.bottoms[0]]) for one in network.layers if one.name in names]
    known = [(text, shape) for text, shape in found if shape is not None]
    if len(known) < len(found):
        raise PlanError("the shape of what it reads is not known", layer=names[0])
    return known


def _net(text: bytes, bottom: Shape) -> Model:
    """Some layers and their input."""
    name = Prototxt.parse(text).layers[0].bottoms[0]
    return Model(Prototxt.parse(declaration(name, bottom) + text), None)


def _filled(model: Model) -> Model:
    """The model with weights that are no zeros, which may be quicker than numbers."""
    network = model.network()
    some = np.random.default_rng(0).standard_normal(_SOME, np.float32)
    layers = [
        LayerWeights(
            cost.layer.name,
            cost.layer.type,
            tuple(Blob.of(np.resize(some, shape)) for shape in cost.blobs),
        )
        for cost in count_cost(network, infer_shapes(network))
        if cost.blobs
    ]
    return Model(model.prototxt, Weights.of(layers))
