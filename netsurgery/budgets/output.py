"""What a low-rank form loses of what a layer makes of calibration inputs."""

from __future__ import annotations

from threading import Lock
from typing import Any, ClassVar, Dict, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.budgets.request import THIN, BudgetRequest
from netsurgery.budgets.scores import Score, read_off
from netsurgery.calibration import (
    Calibrator,
    ObservedValue,
    OutputObserver,
    ProductObserver,
)
from netsurgery.errors import PlanError
from netsurgery.layers import ROW_PRODUCTS, MatrixProduct
from netsurgery.linalg import (
    Moments,
    Ranks,
    Scatter,
    Tradeoff,
    explained,
    kept_by_chains,
)
from netsurgery.measurements import digest_of
from netsurgery.methods import (
    WIDEST,
    ChannelSVD,
    Context,
    ConvolutionChain,
    ConvolutionMethod,
    Edit,
    LowRankMethod,
    TruncatedSVD,
)
from netsurgery.network import Layer, Model, infer_shapes
from netsurgery.planning import rows_seen

GRID = 5
"""Ranks that a form is carried out at whose loss has no formula; others are read off a line."""
_ROUNDED = float(np.finfo(np.float32).eps) ** 2
"""What a layer makes is known in float32, so that no form loses less of it: as many components as
there were inputs hold all that these make, and not all that others would."""
_MEMORY = 600e6
"""Bytes of what layers read that are held at a time."""

Halves = np.ndarray
"""Rows that stand for all that each group of a layer reads, see `netsurgery.linalg.Moments.half`;
shape (groups, k, d)."""


class Output(Score):
    """The error of a layer's outputs on calibration inputs, its last piece fitted to them.

    Forms that are fitted to data lose the tail of the principal components of the outputs; of the
    others the last layer is fitted by least squares to what the ones before it let pass.
    """

    name: ClassVar[str] = "output"

    def __init__(self, calibrator: Calibrator, request: BudgetRequest) -> None:
        """Prepare.

        Args:
            calibrator: Runs inputs.
            request: What the user asks for: the methods to choose among.
        """
        self.calibrator = calibrator
        self._methods, self._thins = request.low_rank(), THIN in request.methods
        self._model: Optional[Model] = None
        self._known: Dict[Tuple[str, bool], Halves] = {}
        self._looking = Lock()

    def options(self, model: Model, chosen: LowRankMethod, layer: str) -> Dict[str, Any]:
        """Return ``fit: data`` for methods that fit themselves."""
        alone = len(chosen.coupled(model, layer)) == 1
        return {"fit": "data"} if "fit" in chosen.options and alone else {}

    def lost(
        self,
        model: Model,
        chosen: LowRankMethod,
        layer: str,
        tradeoff: Tradeoff,
        ranks: Sequence[Ranks],
    ) -> np.ndarray:
        """Return the share of the variance of its outputs that the layer cannot make any more.

        Of layers that share their weights, the share of the weights' own energy.
        """
        if len(chosen.coupled(model, layer)) > 1:
            return np.array([tradeoff.lost(one) for one in ranks])
        product = self._product(model, layer)
        if isinstance(chosen, (TruncatedSVD, ChannelSVD)):
            return _principal(self._what_is_made(model, product), ranks)
        if product.width > WIDEST:
            raise PlanError(f"its windows hold more than {WIDEST:,} numbers", layer=layer)
        read = self._what_is_read(model, layer)
        if isinstance(chosen, ConvolutionChain):
            parts = np.split(model.blobs(layer)[0].array(), product.groups)
            return _by_passing(chosen, parts, read, ranks)
        energies = np.array([tradeoff.lost(one) for one in ranks])
        return read_off(
            energies,
            lambda number: self._by_rewriting(model, chosen, layer, read, ranks[number]),
            GRID,
        )

    def distance(self, model: Model, layer: str, weights: np.ndarray) -> Optional[float]:
        """Return the share of a layer's outputs that other weights of its shape lose.

        Returns:
            None where the layer is too wide, or shares its weights.
        """
        product = self._product(model, layer)
        if product.width > WIDEST:
            return None
        old = product.matrices(model.blobs(layer)[0].array())
        new = product.matrices(np.asarray(weights))
        read = self._what_is_read(model, layer)
        whole, lost = (float(_energies(read, one).sum()) for one in (old, old - new))
        return lost / whole if whole > 0 else 0.0

    def _by_rewriting(
        self,
        model: Model,
        chosen: LowRankMethod,
        layer: str,
        read: Halves,
        ranks: Ranks,
    ) -> float:
        """What one form loses, its last layer fitted if there is one that can be."""
        edit = Edit(layer, chosen.name, chosen.options_for(ranks))
        rewrite = chosen.rewrite(model, edit, Context(model, self.calibrator))
        pieces = [[blob.array() for blob in piece.blobs] for piece in rewrite.weights[layer]]
        if not isinstance(chosen, ConvolutionMethod):
            weights = chosen.compose(model, rewrite, {layer: pieces})[layer][0]
            return self.distance(model, layer, weights) or 0.0
        # Behind the layers before it, the last one could be anything that reads their channels.
        pieces[-1] = [np.eye(ranks[-1])[:, :, None, None]]
        passed = chosen.compose(model, rewrite, {layer: pieces})[layer][0]
        (matrix,) = self._product(model, layer).matrices(model.blobs(layer)[0].array())
        made, narrow = (one.reshape(len(one), -1) @ read[0].T for one in (matrix, passed))
        return 1.0 - float(explained(made, narrow)[-1])

    def _product(self, model: Model, layer: str) -> MatrixProduct:
        shapes = infer_shapes(model.network(), weights=model.weights)
        found = next(one for one in model.network().layers if one.name == layer)
        return MatrixProduct.of(found, shapes[found.bottoms[0]] or ())

    def _what_is_made(self, model: Model, product: MatrixProduct) -> Halves:
        """What stands for all that a layer makes: looked at, or worked out from what it reads."""
        layer = product.layer.name
        if self._is_read(model, product):
            matrices = product.matrices(model.blobs(layer)[0].array())
            made: Halves = self._what_is_read(model, layer) @ np.swapaxes(matrices, -1, -2)
            return made
        return self._gathered(model, layer, made=True)

    def _what_is_read(self, model: Model, layer: str) -> Halves:
        """What stands for all that a layer reads."""
        return self._gathered(model, layer, made=False)

    def _is_read(self, model: Model, product: MatrixProduct) -> bool:
        """Whether a layer is looked at in what it reads: all else can be worked out from that.

        Not where that is wide, and only what it makes is asked for: the products of so many numbers
        take time and memory with the square of the width.
        """
        if product.width > WIDEST:
            return False
        by_outputs = all(
            isinstance(one, (TruncatedSVD, ChannelSVD))
            for one in self._methods
            if one.takes(product.layer.layer_type)
        )
        if self._thins or not by_outputs or product.width > rows_seen(product, self.calibrator):
            return True
        return product.width <= _outputs(model, product)

    def _gathered(self, model: Model, layer: str, made: bool) -> Halves:
        """What stands for all that a layer makes, or reads; those behind it are run with it."""
        with self._looking:
            if model is not self._model:
                self._model, self._known = model, {}
            if (layer, made) not in self._known:
                self._look(model, layer, made)
            return self._known[layer, made]

    def _look(self, model: Model, layer: str, made: bool) -> None:
        """Run the inputs once for the layer and for some behind it."""
        self._known = {}
        observers = {
            (product.layer.name, makes): self._observer(product, makes)
            for product, makes in self._next(model, layer, made)
        }
        asked = {
            digest_of("outputs" if makes else "products", name): observer
            for (name, makes), observer in observers.items()
        }
        self.calibrator.learn([model], asked)
        self._known = {
            key: _half(model, key[0], observer.moments) for key, observer in observers.items()
        }

    def _observer(self, product: MatrixProduct, made: bool) -> ProductObserver:
        layer, seed = product.layer, self.calibrator.seed
        if made:
            return OutputObserver(product, ObservedValue(layer.tops[0]), seed=seed)
        return ProductObserver(product, ObservedValue(layer.bottoms[0]), seed=seed)

    def _next(self, model: Model, layer: str, made: bool) -> List[Tuple[MatrixProduct, bool]]:
        """The layer and as many of those behind it as there is memory for, each with what of it."""
        found: List[Tuple[MatrixProduct, bool]] = []
        names = [one.name for one in model.network().layers if _has_matrix(model, one)]
        room = _MEMORY
        for name in names[names.index(layer) :]:
            product = self._product(model, name)
            makes = not self._is_read(model, product) if found else made
            width = _outputs(model, product) if makes else product.width
            held = min(width, rows_seen(product, self.calibrator))
            room -= 8.0 * product.groups * width * held
            if found and room < 0:
                break
            found.append((product, makes))
        return found


def _outputs(model: Model, product: MatrixProduct) -> int:
    """How many numbers each group of a layer makes at a time."""
    return model.blobs(product.layer.name)[0].count // (product.groups * product.width)


def _has_matrix(model: Model, layer: Layer) -> bool:
    plain = layer.layer_type.product in ROW_PRODUCTS and len(layer.bottoms) == 1
    return plain and bool(model.blobs(layer.name))


def _half(model: Model, layer: str, moments: Moments) -> Halves:
    """Centred where a bias can make up for means."""
    return moments.half(centred=len(model.blobs(layer)) > 1)


def _energies(read: Halves, matrices: np.ndarray) -> np.ndarray:
    """The mean square of what each group makes, shape (groups,)."""
    made = read @ np.swapaxes(matrices, -1, -2)
    found: np.ndarray = np.einsum("gkn,gkn->g", made, made, dtype=np.float64)
    return found


def _principal(made: Halves, ranks: Sequence[Ranks]) -> np.ndarray:
    scatters = [Scatter.of_rows(one) for one in made]
    weights = np.array([one.trace for one in scatters])
    kept = np.array([one.energy() for one in scatters])
    share = weights @ kept / weights.sum() if weights.sum() > 0 else np.ones(kept.shape[1])
    lost = 1.0 - share[np.minimum([rank for (rank,) in ranks], len(share)) - 1]
    return np.maximum(lost, _ROUNDED)


def _by_passing(
    chosen: ConvolutionChain, parts: Sequence[np.ndarray], read: Halves, ranks: Sequence[Ranks]
) -> np.ndarray:
    weights = _energies(read, np.stack([part.reshape(len(part), -1) for part in parts]))
    if weights.sum() <= 0:
        return np.zeros(len(ranks))
    kept = [kept_by_chains(part, chosen.chain, one, ranks) for part, one in zip(parts, read)]
    found: np.ndarray = weights @ (1.0 - np.array(kept)) / weights.sum()
    return found
