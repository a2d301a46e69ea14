"""What a low-rank form loses of what a layer makes of calibration inputs."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, List, Optional, Sequence, Tuple

import numpy as np

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
    Tradeoff,
    axes_energy,
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

    def __init__(self, calibrator: Calibrator) -> None:
        self.calibrator = calibrator
        self._model: Optional[Model] = None
        self._read: Dict[str, Halves] = {}
        self._made: Dict[str, Halves] = {}

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
        """What stands for all that a layer makes: of wide ones looked at, of others worked out."""
        layer = product.layer.name
        if product.width <= WIDEST:
            matrices = product.matrices(model.blobs(layer)[0].array())
            made: Halves = self._what_is_read(model, layer) @ np.swapaxes(matrices, -1, -2)
            return made
        if layer not in self._made:
            observer = OutputObserver(
                product, ObservedValue(product.layer.tops[0]), seed=self.calibrator.seed
            )
            self.calibrator.learn([model], {digest_of("outputs", layer): observer})
            self._made[layer] = _half(model, layer, observer.moments)
        return self._made[layer]

    def _what_is_read(self, model: Model, layer: str) -> Halves:
        """What stands for all that a layer reads; that of the next layers is gathered with it."""
        if model is not self._model:
            self._model, self._read, self._made = model, {}, {}
        if layer not in self._read:
            self._read = {}
            observers = {
                product.layer.name: observer for product, observer in self._next(model, layer)
            }
            asked = {digest_of("products", name): observer for name, observer in observers.items()}
            self.calibrator.learn([model], asked)
            self._read = {
                name: _half(model, name, observer.moments) for name, observer in observers.items()
            }
        return self._read[layer]

    def _next(self, model: Model, layer: str) -> List[Tuple[MatrixProduct, ProductObserver]]:
        """The layer and as many of those behind it as there is memory for."""
        found: List[Tuple[MatrixProduct, ProductObserver]] = []
        names = [one.name for one in model.network().layers if _has_matrix(model, one)]
        room = _MEMORY
        for name in names[names.index(layer) :]:
            product = self._product(model, name)
            held = min(product.width, rows_seen(product, self.calibrator))
            room -= 8.0 * product.groups * product.width * held
            if found and room < 0:
                break
            if product.width <= WIDEST:
                source = ObservedValue(product.layer.bottoms[0])
                found.append((product, ProductObserver(product, source, seed=self.calibrator.seed)))
        return found


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
    squares = np.stack([one.T @ one for one in made.astype(np.float64)])
    weights = np.trace(squares, axis1=-2, axis2=-1)
    kept = np.array([axes_energy(square) for square in squares])
    share = weights @ kept / weights.sum() if weights.sum() > 0 else np.ones(kept.shape[1])
    return np.array([1.0 - share[min(rank, len(share)) - 1] for (rank,) in ranks])


def _by_passing(
    chosen: ConvolutionChain, parts: Sequence[np.ndarray], read: Halves, ranks: Sequence[Ranks]
) -> np.ndarray:
    weights = _energies(read, np.stack([part.reshape(len(part), -1) for part in parts]))
    if weights.sum() <= 0:
        return np.zeros(len(ranks))
    kept = [kept_by_chains(part, chosen.chain, one, ranks) for part, one in zip(parts, read)]
    found: np.ndarray = weights @ (1.0 - np.array(kept)) / weights.sum()
    return found
