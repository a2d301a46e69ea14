"""What comes of a loss in one layer at the outputs of the net: tried once for each layer."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Dict, Iterator, List, Sequence, Tuple

import numpy as np

from netsurgery.budgets.request import BudgetRequest
from netsurgery.calibration import Calibrator, Inputs, largest_batch
from netsurgery.layers import ROW_PRODUCTS, MatrixProduct
from netsurgery.linalg import (
    FullRankSolution,
    Moments,
    as_it_is,
    in_parallel,
    mixed,
    principal,
)
from netsurgery.measurements import digest_of
from netsurgery.methods import Context, Edit, Refit, biases_of, find_target, why_not
from netsurgery.network import (
    Layer,
    Model,
    infer_shapes,
    layers_behind,
    total_cost,
    without_what_follows,
)
from netsurgery.planning import (
    ROWS,
    BoxDistance,
    Distance,
    SightingObserver,
    distances_of,
    keeps,
    sees_enough,
    try_change,
)
from netsurgery.progress import Progress

CUTS = (0.05, 0.2)
"""Shares of what a layer makes that are cut to see what comes of it; the second only where no layer
behind is fitted. There a little may be what nobody looks at, as what all scores have in common is
by a Softmax, and of more that is not so."""

FEWEST, MOST = 8, 64
"""Inputs that it is tried on: as many as the widest layer takes to be fitted."""

WINDOWS = 256
"""Windows looked at in each of them: so few inputs must tell more than many do."""

ENOUGH = 256
"""How many times as many rows as unknowns a fit sees at most: it then loses a 256th more on others
than it could, which does not change the order of layers."""

FITTING = 512e6
"""Bytes that all blobs may take of as many inputs as are chosen, if those are not the fewest."""

AT_ONCE = 1e9
"""Bytes that all blobs may take: where all inputs run at once, only what has changed runs again."""

AT_A_TIME = 2
"""Trials that go on at once: each has the blobs of the net for all its inputs."""

LONG = 1e10
"""Multiplications and additions of all trials from which on a second engine is started."""

SMALL_MODEL = 64e6
"""Bytes of weights up to which a model is opened twice; a larger one has all cores for itself."""

LEAST = 1e-6
"""What arrives is taken for no less, so that no form is free."""

SMALL = 1e-3
"""Less than this share of the first cut is lost like so much."""

NOISE = 1e-6
"""A cut that loses no more than this tells of rounding: a depthwise kernel has one component."""


@dataclass(frozen=True)
class EffectCurve:
    """How much of what a layer loses arrives at the outputs of the net.

    Attributes:
        lost: Shares of what it makes that were cut, rising.
        distances: How far the outputs then were from those of the original.
    """

    lost: np.ndarray
    distances: np.ndarray

    def shares(self, lost: np.ndarray) -> np.ndarray:
        """Return how much arrives of shares that are lost: read off a line between those tried."""
        distances = np.maximum.accumulate(self.distances)
        inside = np.clip(lost, self.lost[0] * SMALL, self.lost[-1])
        arrived = np.interp(inside, [0.0, *self.lost], [0.0, *distances])
        found: np.ndarray = np.maximum(arrived / inside, LEAST)
        return found


class _Trial:
    """What came of cutting a layer.

    Attributes:
        found: A row for each cut that was tried: the share that was lost, then how far each output
            was from the original's. Nothing is lost where there was none.
    """

    def __init__(self, layer: Layer, distances: int) -> None:
        self._layer = layer
        self.found = np.zeros((len(CUTS), 1 + distances))

    @property
    def layer(self) -> Layer:
        """The layer."""
        return self._layer

    def take(self, rows: Sequence[Sequence[float]]) -> None:
        """Take in what was found."""
        for place, row in enumerate(rows):
            self.found[place] = row

    @property
    def lost(self) -> np.ndarray:
        """Shares that were lost, of each cut."""
        return self.found[self.found[:, 0] > 0, 0]

    @property
    def distances(self) -> np.ndarray:
        """How far outputs were apart, shape (cuts, outputs)."""
        return self.found[self.found[:, 0] > 0, 1:]


class Trials:
    """Cuts each layer of a model alone, and looks at what arrives at the outputs of the net.

    The layers behind a cut are fitted, one after another, as the plan will fit them.
    """

    def __init__(
        self,
        model: Model,
        calibrator: Calibrator,
        request: BudgetRequest,
        progress: Progress,
    ) -> None:
        """Choose what is tried on which inputs.

        Args:
            model: The model.
            calibrator: Runs inputs.
            request: What the user asks for: what is kept, and whether layers will be fitted.
            progress: Told each layer that is tried.
        """
        # How detections are chosen would forbid to run several inputs at once.
        distances = distances_of(model.network())
        values = list(dict.fromkeys(value for one in distances for value in one.values))
        model, moved = without_what_follows(model, values)
        fed = [value.blob for value in model.network().inputs]
        calibrator = calibrator.of(calibrator.inputs.only(fed))
        self._distances = [one.moved(dict(zip(values, moved))) for one in distances]
        self._model, self._request, self._progress = model, request, progress
        self._products = _products(model)
        few = _most_telling(model, self._distances, calibrator, self._count(calibrator))
        self._few = calibrator.of(few, WINDOWS, AT_ONCE, ENOUGH)
        self._fitted = {
            name
            for name, product in self._products.items()
            if request.refit
            and sees_enough(product, self._few)
            and not self._is_kept(product.layer)
        }

    def all(self) -> Dict[str, EffectCurve]:
        """Return for each layer how much of what is lost of its outputs arrives at the net's."""
        layers = [one.layer for one in self._products.values() if self._is_tried(one.layer)]
        tried = [_Trial(layer, len(self._distances)) for layer in layers]
        asked = {self._asked(layer): trial for layer, trial in zip(layers, tried)}
        self._few.learn([self._model], asked, self._try_all)
        found = {one.layer.name: one for one in tried if one.lost.size}
        factors = _evening(
            [apart / lost for one in found.values() for lost, apart in zip(one.lost, one.distances)]
        )
        return {
            name: EffectCurve(one.lost, np.array([np.mean(factors * d) for d in one.distances]))
            for name, one in found.items()
        }

    def _asked(self, layer: Layer) -> str:
        return digest_of("trial", layer.name, sorted(self._fitted), self._distances)

    def _try_all(self, trials: Sequence[_Trial]) -> None:
        """Carry out trials: they do not depend on each other, so several may go on at once."""
        calibrators: SimpleQueue[Calibrator] = SimpleQueue()
        first = self._few.beside(own_sessions=False)
        calibrators.put(first)
        most = min(AT_A_TIME, len(trials)) if self._takes_long(len(trials)) else 1
        with ExitStack() as stack:
            # The earlier a layer, the more there are behind it to be fitted.
            work = {one.layer.name: place for place, one in enumerate(reversed(trials), 1)}
            told = self._progress.task("trials", len(trials), "layers", sum(work.values()))
            task = stack.enter_context(told)
            seen = first.outputs(self._model, [trial.layer for trial in trials])
            for _ in range(most - 1):
                other = first.beside()
                stack.enter_context(other.sessions)
                calibrators.put(other)

            def carry_out(trial: _Trial) -> None:
                name = trial.layer.name
                task.advance(0, name)
                calibrator = calibrators.get()
                try:
                    trial.take(self._try(trial.layer, seen[name], calibrator))
                finally:
                    calibrators.put(calibrator)
                task.advance(1, name, work[name])

            # The first has the original run as well, which is then known to all.
            carry_out(trials[0])
            in_parallel(carry_out, trials[1:], np.inf, most)

    def _takes_long(self, trials: int) -> bool:
        """Whether it takes longer to carry trials out than to start an engine once more."""
        weights = self._model.weights
        assert weights is not None
        macs = total_cost(self._model).macs or 0
        return macs * len(self._few.inputs) * trials > LONG and 4 * weights.count < SMALL_MODEL

    def _is_tried(self, layer: Layer) -> bool:
        taken = any(one.takes(layer.layer_type) for one in self._request.low_rank())
        return taken and not self._is_kept(layer)

    def _is_kept(self, layer: Layer) -> bool:
        return keeps(self._request.keep, layer.name, layer.type)

    def _count(self, calibrator: Calibrator) -> int:
        wanted = [
            -(-ROWS * product.width // min(product.places, WINDOWS))
            for product in self._products.values()
            if sees_enough(product, calibrator)
        ]
        fitting = largest_batch(self._model.network(), calibrator.inputs, FITTING) or MOST
        return min(MOST, max(FEWEST, min(max(wanted, default=FEWEST), fitting)))

    def _try(self, layer: Layer, seen: Moments, calibrator: Calibrator) -> List[List[float]]:
        """Return shares of what the layer makes, and how far the outputs are apart without them.

        Args:
            layer: The layer.
            seen: What it makes.
            calibrator: Runs inputs.
        """
        behind = layers_behind(self._model.network(), layer.tops) if self._fitted else ()
        names = [one.name for one in behind if one.name in self._fitted]
        found = []
        calibrator.make_way(self._model, layer)
        for model, lost in self._cuts(layer, seen, CUTS[:1] if names else CUTS):
            tried = try_change(self._model, model, names, self._distances, calibrator)
            found.append([lost, *tried.distances])
        return found

    def _cuts(
        self, layer: Layer, seen: Moments, shares: Sequence[float]
    ) -> Iterator[Tuple[Model, float]]:
        """Yield the model with a layer cut to few components, and the share that it then lacks."""
        target = find_target(
            self._model, Edit(layer.name, Refit.name), Context(self._model, self._few)
        )
        matrices = target.product.matrices(self._model.blobs(layer.name)[0].array())
        biases = biases_of(self._model, layer.name, len(matrices))
        wholes = [as_it_is(*one) for one in zip(matrices, biases, seen.groups())]
        assert self._model.weights is not None
        for rank, lost in _ranks_that_lose(shares, wholes):
            found = [mixed(whole, principal(whole, rank)) for whole in wholes]
            cut = target.filled(*zip(*found))
            yield (
                replace(self._model, weights=self._model.weights.replace({layer.name: [cut]})),
                lost,
            )


def _most_telling(
    model: Model, distances: Sequence[Distance], calibrator: Calibrator, count: int
) -> Inputs:
    """Choose inputs: of a detector half are those in which it sees most, as in others is nothing.

    The others are spread evenly.
    """
    inputs = calibrator.inputs
    boxes = [one for one in distances if isinstance(one, BoxDistance)]
    if not boxes or count >= len(inputs):
        return inputs.spread(count)
    observer = SightingObserver(boxes)
    calibrator.learn([model], {digest_of("seen", distances): observer})
    best = np.argsort(-observer.seen, kind="stable")[: count // 2]
    others = np.setdiff1d(np.arange(len(inputs)), best)
    even = others[np.arange(count - len(best)) * len(others) // (count - len(best))]
    return inputs.chosen(np.sort([*best, *even]))


def _products(model: Model) -> Dict[str, MatrixProduct]:
    """The layers of a model that can be fitted alone, by their names."""
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    return {
        layer.name: MatrixProduct.of(layer, shapes[layer.bottoms[0]] or ())
        for layer in network.layers
        if layer.layer_type.product in ROW_PRODUCTS
        and model.blobs(layer.name)
        and not why_not(network, layer, shapes[layer.bottoms[0]])
    }


def _evening(found: Sequence[np.ndarray]) -> np.ndarray:
    """Return a factor for each output, by which each counts as much as any other.

    The scores of a detector, most of which say that there is nothing, are hurt less by anything
    than its boxes are, but are not worth less.
    """
    if not found:
        return np.ones(1)
    typical = np.mean(found, axis=0)
    return np.divide(typical.mean(), typical, out=np.zeros_like(typical), where=typical > 0)


def _ranks_that_lose(
    shares: Sequence[float], wholes: List[FullRankSolution]
) -> List[Tuple[int, float]]:
    """The ranks of each group that lose about those shares, and what they lose, rising."""
    weights = np.array([max(whole.scatter.trace, 0.0) for whole in wholes])
    if weights.sum() <= 0:
        return []
    kept = np.array([whole.scatter.energy() for whole in wholes])
    lost = 1.0 - weights @ kept / weights.sum()
    apart = np.abs(np.log(np.maximum(lost, 1e-12)[:, None] / np.array(shares)))
    numbers = sorted(set(apart.argmin(axis=0).tolist()), reverse=True)
    return [(number + 1, float(lost[number])) for number in numbers if lost[number] > NOISE]
