"""What a low-rank form loses of the net's outputs: tried once for each layer."""

from __future__ import annotations

from statistics import mean
from typing import Callable, ClassVar, Dict, List, Optional, Tuple

import numpy as np

from netsurgery.budgets.output import Output
from netsurgery.budgets.wishes import BudgetWishes
from netsurgery.calibration.batching import largest_batch
from netsurgery.calibration.cache import question
from netsurgery.calibration.statistics import Statistics
from netsurgery.linalg.nested import axes_energy
from netsurgery.linalg.responses import Whole, as_it_is, mixed, principal
from netsurgery.methods import Context, Edit
from netsurgery.methods.errands import biases_of, find_errand
from netsurgery.methods.refit import Refit, why_not
from netsurgery.network.graph import Layer
from netsurgery.network.matrix_product import TYPES, MatrixProduct
from netsurgery.network.model import Model
from netsurgery.network.scores import score_values
from netsurgery.network.shapes import infer_shapes
from netsurgery.planning.behind import ROWS, fit_in_turn, layers_behind, sees_enough
from netsurgery.planning.rules import keeps
from netsurgery.planning.sensitivity import DistanceGauge

CUT = 0.05
"""Share of what a layer makes that is cut to see what comes of it."""

FEWEST, MOST = 8, 64
"""Inputs that it is tried on: as many as the widest layer takes to be fitted."""

WINDOWS = 256
"""Windows looked at in each of them: so few inputs must tell more than many do."""

AT_ONCE = 512e6
"""Bytes that all blobs may take: where all inputs run at once, only what has changed runs again."""

LEAST = 1e-6
"""What arrives is taken for no less, so that no form is free."""


class Effect(Output):
    """The error of a layer's outputs, times how much of it arrives at those of the net.

    Each layer alone is cut to the principal components of what it makes, and the layers behind it
    are fitted, one after another, as the plan will fit them: an early error is mended by many, a
    late one by few.
    """

    name: ClassVar[str] = "effect"

    def __init__(
        self, statistics: Statistics, wishes: BudgetWishes, progress: Callable[[str], None]
    ) -> None:
        """Prepare.

        Args:
            statistics: Runs inputs.
            wishes: What the user asks for: what is kept, and whether layers will be fitted.
            progress: Called with the name of each layer that is tried.
        """
        super().__init__(statistics)
        self._wishes, self._progress = wishes, progress
        self._arriving: Optional[Dict[str, float]] = None

    def losses(self, model: Model, layer: str, lost: np.ndarray) -> np.ndarray:
        """Return shares that a layer loses as losses of the net's outputs.

        How much arrives is tried with the first model that is asked about; thinned ones keep the
        names of its layers.
        """
        if self._arriving is None:
            self._arriving = _Trials(model, self.statistics, self._wishes, self._progress).all()
        known = self._arriving
        # Layers that share their weights, or are too wide to be fitted, count like the others.
        share = known.get(layer) or (mean(known.values()) if known else 1.0)
        return share * super().losses(model, layer, lost)


class _Trials:
    """Tries the layers of a model."""

    def __init__(
        self,
        model: Model,
        statistics: Statistics,
        wishes: BudgetWishes,
        progress: Callable[[str], None],
    ) -> None:
        self._model, self._wishes, self._progress = model, wishes, progress
        self._outputs = score_values(model.network())
        self._products = _products(model)
        self._few = statistics.of(
            statistics.inputs.spread(self._count(statistics)), WINDOWS, AT_ONCE
        )
        self._fitted = {
            name
            for name, product in self._products.items()
            if wishes.refit and sees_enough(product, self._few) and not self._is_kept(product.layer)
        }

    def all(self) -> Dict[str, float]:
        """Return for each layer how much of what is lost of its outputs arrives at the net's."""
        found = {}
        for name, product in self._products.items():
            if not self._is_tried(product.layer):
                continue
            self._progress(f"{name}: what its error does to the outputs")
            tried = self._try(product.layer)
            if tried is not None:
                found[name] = tried
        return dict(zip(found, _evened(list(found.values()))))

    def _is_tried(self, layer: Layer) -> bool:
        taken = any(layer.type in one.layer_types for one in self._wishes.low_rank())
        return taken and not self._is_kept(layer)

    def _is_kept(self, layer: Layer) -> bool:
        return keeps(self._wishes.keep, layer.name, layer.type)

    def _count(self, statistics: Statistics) -> int:
        wanted = [
            -(-ROWS * product.width // min(product.places, WINDOWS))
            for product in self._products.values()
            if sees_enough(product, statistics)
        ]
        fitting = largest_batch(self._model.network(), statistics.inputs, AT_ONCE) or MOST
        return min(MOST, max(FEWEST, min(max(wanted, default=FEWEST), fitting)))

    def _try(self, layer: Layer) -> Optional[np.ndarray]:
        cut = self._cut(layer)
        if cut is None:
            return None
        model, lost = cut
        names = [name for name in layers_behind(self._model, layer.tops) if name in self._fitted]
        model = fit_in_turn(self._model, model, names, self._few, {})
        gauge = DistanceGauge(self._outputs)
        self._few.learn([self._model, model], {question("distance of", self._outputs): gauge})
        return gauge.distances / lost

    def _cut(self, layer: Layer) -> Optional[Tuple[Model, float]]:
        """The model with a layer cut to few components, and the share of its outputs that lacks."""
        errand = find_errand(
            self._model, Edit(layer.name, Refit.name), Context(self._model, self._few)
        )
        weights = self._model.blobs(layer.name)[0].array().astype(np.float64)
        matrices = errand.product.matrices(weights)
        biases = biases_of(self._model, layer.name, len(matrices))
        seen = self._few.outputs(self._model, [layer])[layer.name]
        wholes = [as_it_is(*one) for one in zip(matrices, biases, seen)]
        rank, lost = _rank_that_loses(CUT, wholes)
        if not 0.0 < lost <= 1.0:
            return None
        found = [mixed(whole, principal(whole, rank)) for whole in wholes]
        cut = errand.filled(*zip(*found))
        assert self._model.weights is not None
        return Model(self._model.prototxt, self._model.weights.replace({layer.name: [cut]})), lost


def _products(model: Model) -> Dict[str, MatrixProduct]:
    """The layers of a model that can be fitted alone, by their names."""
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    return {
        layer.name: MatrixProduct(layer, shapes[layer.bottoms[0]] or ())
        for layer in network.layers
        if layer.type in TYPES
        and model.blobs(layer.name)
        and not why_not(network, layer, shapes[layer.bottoms[0]])
    }


def _evened(found: List[np.ndarray]) -> List[float]:
    """Return one number for all outputs, each of which counts as much as any other.

    The scores of a detector, most of which say that there is nothing, are hurt less by anything
    than its boxes are, but are not worth less.
    """
    if not found:
        return []
    typical = np.mean(found, axis=0)
    factors = np.divide(typical.mean(), typical, out=np.zeros_like(typical), where=typical > 0)
    return [max(float(np.mean(one * factors)), LEAST) for one in found]


def _rank_that_loses(share: float, wholes: List[Whole]) -> Tuple[int, float]:
    """The rank of each group that loses about that share, and what it loses."""
    weights = np.array([max(float(np.trace(whole.square)), 0.0) for whole in wholes])
    if weights.sum() <= 0:
        return 1, 0.0
    kept = np.array([axes_energy(whole.square) for whole in wholes])
    lost = 1.0 - weights @ kept / weights.sum()
    number = int(np.argmin(np.abs(np.log(np.maximum(lost, 1e-12) / share))))
    return number + 1, float(lost[number])
