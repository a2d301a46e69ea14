"""Fit a layer anew, so that from what it now reads it makes what it made in the original.

Least squares with inputs from the rewritten net and targets from the original (Zhang et al. 2015,
"asymmetric"; He et al. 2017): the layer also mends what edits before it broke.
"""

from __future__ import annotations

from typing import ClassVar, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import LayerWeights
from netsurgery.layers import ROW_PRODUCTS, MatrixProduct, Product
from netsurgery.linalg import refit_rows
from netsurgery.methods.base import Arrays, Method
from netsurgery.methods.exchange import Context, Edit, Rewrite
from netsurgery.methods.reconstruction import WIDEST
from netsurgery.methods.reconstruction_targets import (
    ReconstructionTarget,
    find_target,
    why_not_alone,
)
from netsurgery.methods.registry import METHODS
from netsurgery.network import Layer, Model, Network, SetBlobs, Shape


@METHODS.register("refit")
class Refit(Method):
    """Give a layer the weights that best give the original's outputs from its present inputs.

    What a mask holds at zero stays there: each output is fitted with its free weights alone.

    Options of an edit: ``ridge``, the share of the mean square of the inputs that holds the weights
    to where they were; by default the more, the fewer rows were seen.
    """

    name: ClassVar[str] = "refit"
    cause: ClassVar[str] = "the fits"
    only_fits: ClassVar[bool] = True
    products: ClassVar[Tuple[Product, ...]] = ROW_PRODUCTS
    options: ClassVar[tuple] = ("ridge",)

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the layer's new weights.

        Raises:
            PlanError: There is no such layer, there are no inputs, or it cannot be fitted alone.
        """
        context.require_calibrator(edit)
        target = find_target(model, edit, context)
        problem = _too_wide(target.product)
        try:
            if problem:
                raise ValueError(problem)
            fitted = _fit(target)
        except ValueError as error:
            raise PlanError(str(error), file=model.prototxt.file, layer=edit.layer) from None
        edits = [SetBlobs(name, layers) for name, layers in fitted.items()]
        return Rewrite(edit, edits, {name: (name,) for name in fitted}, "all, fitted")

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return the blobs as they are: the layer kept its shape."""
        return {name: arrays for name, (arrays,) in pieces.items()}


def why_not(network: Network, layer: Layer, bottom: Optional[Shape]) -> Optional[str]:
    """Return why a layer cannot be fitted, or None if it can.

    Args:
        network: The network.
        layer: The layer.
        bottom: Shape of what it reads.
    """
    problem = why_not_alone(network, layer, bottom)
    return problem or _too_wide(MatrixProduct.of(layer, bottom or ()))


def _too_wide(product: MatrixProduct) -> Optional[str]:
    if product.width <= WIDEST:
        return None
    return (
        f"it reads {product.width} numbers at a time, and fitting it takes a matrix of their "
        "products"
    )


def _fit(target: ReconstructionTarget) -> Mapping[str, Tuple[LayerWeights, ...]]:
    model, layer, product = target.model, target.layer, target.product
    weights, *bias = model.blobs(layer.name)
    mean = None if bias else _normalising(model, target.network, layer)
    centred = bool(bias) or mean is not None
    ridge = target.edit.options.get("ridge")
    matrices = product.matrices(weights.array())
    free = None if weights.mask is None else product.matrices(weights.mask)
    found, constants = refit_rows(matrices, target.moments(), centred, ridge, free)
    changes = {layer.name: (target.filled(list(found), list(constants)),)}
    if mean is not None:
        changes[mean.name] = (_shifted(model, mean, constants.ravel()),)
    return changes


def _normalising(model: Model, network: Network, layer: Layer) -> Optional[Layer]:
    """Return the BatchNorm that alone reads the layer, in whose mean a constant can go."""
    readers = network.consumers(layer.tops[0])
    if len(readers) != 1:
        return None
    places = readers[0].layer_type.normalisation(readers[0])
    plain = places is not None and places.shift is None and places.mean is not None
    frozen = plain and not readers[0].layer_type.normalises_by_batch(readers[0])
    return readers[0] if frozen and len(model.blobs(readers[0].name)) == 3 else None


def _shifted(model: Model, normalising: Layer, constant: np.ndarray) -> LayerWeights:
    """Take a constant that the layer before cannot add off the mean, which is stored scaled."""
    mean, variance, factor = model.blobs(normalising.name)
    scale = float(factor.array().ravel()[0])
    blobs = (mean.filled(mean.array().ravel() - scale * constant), variance, factor)
    return LayerWeights(normalising.name, normalising.type, blobs)
