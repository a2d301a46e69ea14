"""What a low-rank form loses of what a layer makes of calibration inputs."""

from __future__ import annotations

import math
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
    energy,
    explained,
    factor_kernel,
    multiply_out_chain,
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

GRID = 5
"""Ranks that a form is carried out at whose loss has no formula; others are read off a line."""
_MEMORY = 600e6
"""Bytes of second moments that are held at a time."""

Grams = List[np.ndarray]


class Output(Score):
    """The error of a layer's outputs on calibration inputs, its last piece fitted to them.

    Forms that are fitted to data lose the tail of the principal components of the outputs; of the
    others the last layer is fitted by least squares to what the ones before it let pass.
    """

    name: ClassVar[str] = "output"

    def __init__(self, calibrator: Calibrator) -> None:
        self.calibrator = calibrator
        self._model: Optional[Model] = None
        self._grams: Dict[str, Grams] = {}
        self._wide: Dict[str, Grams] = {}

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
        matrices = product.matrices(model.blobs(layer)[0].array().astype(np.float64))
        if isinstance(chosen, (TruncatedSVD, ChannelSVD)):
            return _principal(self._squares(model, layer, product, matrices), ranks)
        if product.width > WIDEST:
            raise PlanError(f"its windows hold more than {WIDEST:,} numbers", layer=layer)
        grams = self._of_inputs(model, layer)
        if isinstance(chosen, ConvolutionChain):
            return _by_passing(model, chosen, layer, product, grams, ranks)
        energies = np.array([tradeoff.lost(one) for one in ranks])
        return read_off(
            energies,
            lambda number: self._by_rewriting(model, chosen, layer, grams, ranks[number]),
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
        old = product.matrices(model.blobs(layer)[0].array().astype(np.float64))
        new = product.matrices(np.asarray(weights, np.float64))
        grams = self._of_inputs(model, layer)
        whole = sum(energy(matrix, gram) for matrix, gram in zip(old, grams))
        lost = sum(energy(a - b, gram) for a, b, gram in zip(old, new, grams))
        return lost / whole if whole > 0 else 0.0

    def _by_rewriting(
        self,
        model: Model,
        chosen: LowRankMethod,
        layer: str,
        grams: Grams,
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
        product = self._product(model, layer)
        (matrix,) = product.matrices(model.blobs(layer)[0].array().astype(np.float64))
        return 1.0 - float(explained(matrix, grams[0], passed.reshape(len(passed), -1))[-1])

    def _product(self, model: Model, layer: str) -> MatrixProduct:
        shapes = infer_shapes(model.network(), weights=model.weights)
        found = next(one for one in model.network().layers if one.name == layer)
        return MatrixProduct.of(found, shapes[found.bottoms[0]] or ())

    def _squares(
        self, model: Model, layer: str, product: MatrixProduct, matrices: np.ndarray
    ) -> Grams:
        """Second moments of the outputs: of wide layers measured, of others from the inputs'."""
        if product.width <= WIDEST:
            grams = self._of_inputs(model, layer)
            return [matrix @ gram @ matrix.T for matrix, gram in zip(matrices, grams)]
        if layer not in self._wide:
            observer = OutputObserver(
                product, ObservedValue(product.layer.tops[0]), seed=self.calibrator.seed
            )
            self.calibrator.learn([model], {digest_of("outputs", layer): observer})
            self._wide[layer] = _centred(model, layer, observer.moments)
        return self._wide[layer]

    def _of_inputs(self, model: Model, layer: str) -> Grams:
        """Second moments of what a layer reads; those of the next layers are measured with it."""
        if model is not self._model:
            self._model, self._grams, self._wide = model, {}, {}
        if layer not in self._grams:
            self._grams = {}
            observers = {
                product.layer.name: observer for product, observer in self._next(model, layer)
            }
            asked = {digest_of("products", name): observer for name, observer in observers.items()}
            self.calibrator.learn([model], asked)
            self._grams = {
                name: _centred(model, name, observer.moments)
                for name, observer in observers.items()
            }
        return self._grams[layer]

    def _next(self, model: Model, layer: str) -> List[Tuple[MatrixProduct, ProductObserver]]:
        """The layer and as many of those behind it as there is memory for."""
        found: List[Tuple[MatrixProduct, ProductObserver]] = []
        names = [one.name for one in model.network().layers if _has_matrix(model, one)]
        room = _MEMORY
        for name in names[names.index(layer) :]:
            product = self._product(model, name)
            room -= 8.0 * product.groups * product.width**2
            if found and room < 0:
                break
            if product.width <= WIDEST:
                source = ObservedValue(product.layer.bottoms[0])
                found.append((product, ProductObserver(product, source, seed=self.calibrator.seed)))
        return found


def _has_matrix(model: Model, layer: Layer) -> bool:
    plain = layer.layer_type.product in ROW_PRODUCTS and len(layer.bottoms) == 1
    return plain and bool(model.blobs(layer.name))


def _centred(model: Model, layer: str, moments: Moments) -> Grams:
    """Covariances where a bias can make up for means, second moments where there is none."""
    bias = len(model.blobs(layer)) > 1
    return list(moments.covariance if bias else moments.second)


def _principal(squares: Grams, ranks: Sequence[Ranks]) -> np.ndarray:
    weights = np.array([max(float(np.trace(square)), 0.0) for square in squares])
    kept = np.array([axes_energy(square) for square in squares])
    share = weights @ kept / weights.sum() if weights.sum() > 0 else np.ones(kept.shape[1])
    return np.array([1.0 - share[min(rank, len(share)) - 1] for (rank,) in ranks])


def _by_passing(
    model: Model,
    chosen: ConvolutionChain,
    layer: str,
    product: MatrixProduct,
    grams: Grams,
    ranks: Sequence[Ranks],
) -> np.ndarray:
    kernel = model.blobs(layer)[0].array()
    parts = np.split(kernel, product.groups)
    matrices = product.matrices(kernel.astype(np.float64))
    weights = np.array([energy(matrix, gram) for matrix, gram in zip(matrices, grams)])
    if weights.sum() <= 0:
        return np.zeros(len(ranks))
    lost = np.zeros((len(parts), len(ranks)))
    for group, (part, matrix, gram) in enumerate(zip(parts, matrices, grams)):
        for firsts in dict.fromkeys(one[:-1] for one in ranks):
            mine = [number for number, one in enumerate(ranks) if one[:-1] == firsts]
            most = max(ranks[number][-1] for number in mine)
            passed, taps = _passed(part, chosen, (*firsts, most))
            kept = explained(matrix, gram, passed)
            for number in mine:
                lost[group, number] = 1.0 - kept[ranks[number][-1] * taps - 1]
    found: np.ndarray = weights @ lost / weights.sum()
    return found


def _passed(kernel: np.ndarray, chosen: ConvolutionChain, ranks: Ranks) -> Tuple[np.ndarray, int]:
    """Return what the last layer of a chain reads, as a matrix times a window of the original's.

    Returns:
        Shape (rank * taps of the last layer, width of a window); and the taps.
    """
    kernels = factor_kernel(kernel, chosen.chain, ranks).kernels
    before = multiply_out_chain(kernels[:-1])
    rank, inputs, *sizes = before.shape
    last = kernels[-1].shape[2:]
    whole = (one + size - 1 for one, size in zip(last, sizes))
    full = np.zeros((rank, *last, inputs, *whole))
    for tap in np.ndindex(*last):
        covered = (slice(at, at + size) for at, size in zip(tap, sizes))
        index = (slice(None), *tap, slice(None), *covered)
        full[index] = before
    taps = math.prod(last)
    return full.reshape(rank * taps, -1), taps
