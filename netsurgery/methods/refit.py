"""Fit a layer anew, so that from what it now reads it makes what it made in the original.

Least squares with inputs from the rewritten net and targets from the original (Zhang et al. 2015,
"asymmetric"; He et al. 2017): the layer also mends what edits before it broke.
"""

from __future__ import annotations

from typing import ClassVar, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats.weights import LayerWeights
from netsurgery.linalg.compensation import refit
from netsurgery.linalg.moments import Moments
from netsurgery.methods import METHODS
from netsurgery.methods.base import Arrays, Context, Edit, Method, Rewrite
from netsurgery.methods.coupled import weights_name
from netsurgery.methods.reconstruction import RIDGE
from netsurgery.network.graph import Layer, Network
from netsurgery.network.matrix_product import TYPES, MatrixProduct
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes


@METHODS.register("refit")
class Refit(Method):
    """Give a layer the weights that best give the original's outputs from its present inputs.

    Options of an edit: ``ridge``, the share of the mean square of the inputs that holds the weights
    to where they were.
    """

    name: ClassVar[str] = "refit"
    layer_types: ClassVar[tuple] = TYPES
    options: ClassVar[tuple] = ("ridge",)

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the layer's new weights.

        Raises:
            PlanError: There is no such layer, there are no inputs, or it cannot be fitted alone.
        """
        statistics = context.require_statistics(edit)
        network = model.network()
        layer = _find(model, network, edit)
        origin = context.origin(layer.tops[0])
        kept = origin.kept if origin.kept is not None and origin.axis == 1 else None
        moments = statistics.errands(model, layer, context.original, origin.value, kept)
        shapes = infer_shapes(network, weights=model.weights)
        product = MatrixProduct(layer, shapes[layer.bottoms[0]] or ())
        fitted = _fit(model, network, layer, product, moments, edit.options.get("ridge", RIDGE))
        return Rewrite(edit, {}, fitted, {name: (name,) for name in fitted}, "all, fitted")

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return the blobs as they are: the layer kept its shape."""
        return {name: arrays for name, (arrays,) in pieces.items()}


def _find(model: Model, network: Network, edit: Edit) -> Layer:
    named = [layer for layer in network.layers if layer.name == edit.layer]
    problem = None
    if not named:
        problem = "there is no such layer"
    elif named[0].type not in TYPES:
        problem = f"it is of type {named[0].type}; refit takes {' or '.join(TYPES)}"
    elif len(named) > 1 or len(named[0].bottoms) > 1 or weights_name(named[0].text):
        problem = "it shares its weights, and cannot be fitted alone"
    elif not model.blobs(edit.layer):
        problem = "the weights hold no blobs for it"
    if problem:
        raise PlanError(problem, file=model.prototxt.file, layer=edit.layer)
    return named[0]


def _fit(
    model: Model,
    network: Network,
    layer: Layer,
    product: MatrixProduct,
    moments: Sequence[Moments],
    ridge: float,
) -> Mapping[str, Tuple[LayerWeights, ...]]:
    weights, *bias = model.blobs(layer.name)
    mean = None if bias else _normalising(model, network, layer)
    centred = bool(bias) or mean is not None
    found: List[np.ndarray] = []
    constants: List[np.ndarray] = []
    for matrix, seen in zip(product.matrices(weights.array()), moments):
        cross = seen.cross_covariance if centred else seen.cross
        gram = seen.covariance if centred else seen.second
        found.append(refit(cross, gram, ridge, matrix))
        constants.append(seen.target_mean - found[-1] @ seen.mean)
    constant = np.concatenate(constants)
    blobs = [weights.filled(product.joined(found)), *bias]
    if bias:
        blobs[1] = bias[0].filled(constant)
    changes = {layer.name: (LayerWeights(layer.name, layer.type, tuple(blobs)),)}
    if mean is not None:
        changes[mean.name] = (_shifted(model, mean, constant),)
    return changes


def _normalising(model: Model, network: Network, layer: Layer) -> Optional[Layer]:
    """Return the BatchNorm that alone reads the layer, in whose mean a constant can go."""
    readers = network.consumers(layer.tops[0])
    if len(readers) != 1 or readers[0].type != "BatchNorm":
        return None
    parameter = readers[0].parameter.batch_norm_param
    frozen = parameter.use_global_stats if parameter.HasField("use_global_stats") else True
    return readers[0] if frozen and len(model.blobs(readers[0].name)) == 3 else None


def _shifted(model: Model, normalising: Layer, constant: np.ndarray) -> LayerWeights:
    """Take a constant that the layer before cannot add off the mean, which is stored scaled."""
    mean, variance, factor = model.blobs(normalising.name)
    scale = float(factor.array().ravel()[0])
    blobs = (mean.filled(mean.array().ravel() - scale * constant), variance, factor)
    return LayerWeights(normalising.name, normalising.type, blobs)
