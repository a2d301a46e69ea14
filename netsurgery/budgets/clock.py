"""What layers take in an engine: each alone in a net of its own, timed once for every shape."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np

from netsurgery.budgets.notes import Notes
from netsurgery.budgets.scores import even_numbers
from netsurgery.calibration.batching import input_shapes
from netsurgery.calibration.cache import question
from netsurgery.calibration.random_inputs import random_inputs
from netsurgery.calibration.running import EngineLike, choose_engine
from netsurgery.engines import Engine
from netsurgery.errors import PlanError
from netsurgery.formats.prototxt import LayerText, Prototxt
from netsurgery.formats.template import quoted
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.linalg.tradeoff import Ranks, Tradeoff
from netsurgery.methods import LowRank
from netsurgery.network.cost import count_cost
from netsurgery.network.model import Model
from netsurgery.network.shapes import Shape, infer_shapes

GRID = 3
"""Ranks of each method that a layer is timed at; what lies between is read off a line."""
SMALL = 0.01
"""Layers that take no more than this share of a pass are taken to gain nothing: it is not worth
a measurement."""
_SPAN = 0.4
"""Seconds for which a net is run again and again: what is short is more often disturbed."""
_FEWEST, _MOST = 5, 200
_SESSIONS = 3
"""How often a whole net is opened anew: where its memory happens to lie makes a difference."""
_NAMES = re.compile(rb'(name|bottom|top)\s*:\s*"[^"]*"')
"""What a layer is called does not matter to how long it takes."""


class Clock:
    """Times layers and the chains that can stand in for them.

    Attributes:
        engine: The engine; the first that can run the model if None.
        notes: What was timed already, by engine and shape.
    """

    def __init__(self, engine: EngineLike, notes: Notes) -> None:
        self.engine, self.notes = engine, notes
        self._wholes: Dict[int, Tuple[Model, float]] = {}

    def whole(self, model: Model) -> float:
        """Return the seconds of a forward pass of a model."""
        if id(model) not in self._wholes:
            self._wholes[id(model)] = model, self._seconds(model, _SESSIONS)
        return self._wholes[id(model)][1]

    def layers(self, model: Model, names: Sequence[str]) -> float:
        """Return the seconds of layers, each alone."""
        found = (self._alone(one.text, bottom) for one, bottom in _places(model, names))
        return sum(self._seconds(net) for net in found)

    def chains(
        self,
        model: Model,
        names: Sequence[str],
        chosen: LowRank,
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
            sum(
                self._seconds(self._alone(chosen.sketch(model, layer, ranks[number]), bottom))
                for layer, bottom in places
            )
            for number in grid
        ]
        return np.interp(macs, macs[grid], seconds)

    def _alone(self, text: bytes, bottom: Shape) -> Model:
        """A net of some layers and their input, with weights of their shapes."""
        name = Prototxt.parse(text).layers[0].bottoms[0]
        dims = " ".join(f"dim: {size}" for size in bottom)
        source = f"input: {quoted(name)} input_shape {{ {dims} }}\n"
        prototxt = Prototxt.parse(source.encode("utf-8", "surrogateescape") + text)
        return _filled(Model(prototxt, None))

    def _seconds(self, model: Model, sessions: int = 1) -> float:
        engine = choose_engine(self.engine, model.network())
        text = _NAMES.sub(rb"\1", model.prototxt.data)
        shapes = [list(shape or ()) for shape in infer_shapes(model.network()).values()]
        key = question(engine.name, engine.probe().version, text, shapes)
        return self.notes.get(f"seconds {key}", lambda: _least(engine, model, sessions))


def _least(engine: Engine, model: Model, sessions: int) -> float:
    return min(_time(engine, model) for _ in range(sessions))


def _time(engine: Engine, model: Model) -> float:
    """Return the least seconds of some forward passes: the others only had more company."""
    network = model.network()
    size = next(iter(input_shapes(network).values()))[0]
    batch = next(random_inputs(network, 1).batches(size))
    with tempfile.TemporaryDirectory(prefix="netsurgery-") as folder:
        prototxt, weights = Path(folder) / "net.prototxt", Path(folder) / "net.caffemodel"
        prototxt.write_bytes(model.prototxt.data)
        assert model.weights is not None
        model.weights.write(weights)
        with engine.open(prototxt, weights) as session:
            first = min(session.time(3, batch.inputs))
            repeats = int(min(max(_SPAN / max(first, 1e-9), _FEWEST), _MOST))
            return float(min(first, *session.time(repeats, batch.inputs)))


def _places(model: Model, names: Sequence[str]) -> List[Tuple[LayerText, Shape]]:
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    found = [(one.text, shapes[one.bottoms[0]]) for one in network.layers if one.name in names]
    known = [(text, shape) for text, shape in found if shape is not None]
    if len(known) < len(found):
        raise PlanError("the shape of what it reads is not known", layer=names[0])
    return known


def _filled(model: Model) -> Model:
    """The model with random weights: zeros may be quicker than numbers."""
    network = model.network()
    random = np.random.default_rng(0)
    layers = [
        LayerWeights(
            cost.layer.name,
            cost.layer.type,
            tuple(Blob.of(random.normal(size=shape).astype(np.float32)) for shape in cost.blobs),
        )
        for cost in count_cost(network, infer_shapes(network))
        if cost.blobs
    ]
    return Model(model.prototxt, Weights.of(layers))
