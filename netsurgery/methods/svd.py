"""Truncated SVD of InnerProduct layers: one big layer becomes two thin ones.

``W (outputs x inputs) = U diag(s) V^T``, cut after ``rank`` terms, is stored as a first layer
of ``rank`` outputs without bias and a second one with the original's outputs and bias. From
Xue et al. 2013 (restructuring of acoustic models); for detectors Girshick 2015, Fast R-CNN,
section 3.1, whose ``compress_net.py`` gave the layers their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Mapping, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.layers import Product
from netsurgery.linalg import Cost, Energies, lost_energy, singular_values
from netsurgery.methods.chain import ChainMethod, Found
from netsurgery.methods.orientation import oriented
from netsurgery.methods.registry import METHODS

if TYPE_CHECKING:
    from netsurgery.formats import Blob, Filling, LayerText
    from netsurgery.linalg import Factored, Ranks
    from netsurgery.methods.base import Arrays
    from netsurgery.methods.chain import ChainTask
    from netsurgery.methods.pieces import Names

_SHAPE_FIELDS = ("num_output", "bias_term", "axis", "transpose")


@METHODS.register("svd")
class TruncatedSVD(ChainMethod):
    """Replace an InnerProduct layer by a pair of them around its leading singular vectors.

    Options of an edit: ``rank``; ``split``, ``"first"`` (the first layer takes the singular
    values, as compress_net.py does) or ``"sqrt"`` (half and half); ``fit``, for what the pair is
    best (see `netsurgery.methods.fits.FITS`); ``suffixes``, the endings of the two names;
    ``templates``, a folder whose ``inner_product_pair.prototxt`` is used.
    """

    name: ClassVar[str] = "svd"
    products: ClassVar[Tuple[Product, ...]] = (Product.DENSE,)
    options: ClassVar[tuple] = ("rank", "split", "fit", "suffixes", "templates")
    message: ClassVar[str] = "inner_product_param"
    template: ClassVar[str] = "inner_product_pair"

    def form(self, layer: LayerText) -> Tuple[int, bool]:
        """Return what the layer's weights must be: outputs, and whether they are transposed."""
        parameter = layer.parameter.inner_product_param
        return parameter.num_output, parameter.transpose

    def read(self, layer: LayerText, blob: Blob) -> np.ndarray:
        """Return the weights as (num_output, inputs), whatever way they are stored.

        Raises:
            PlanError: They are not what the prototxt asks for.
        """
        parameter, shape = layer.parameter.inner_product_param, blob.shape
        outputs = shape[-1 if parameter.transpose else -2] if len(shape) > 1 else None
        if outputs != parameter.num_output or any(size != 1 for size in shape[:-2]):
            raise PlanError(
                f"its weights have shape {shape}, the prototxt says num_output: "
                f"{parameter.num_output}",
                layer=layer.name,
                remedy="prototxt and weights do not belong together; see `netsurgery doctor`",
            )
        return oriented(layer, blob.view())

    def weights_at(self, layer: LayerText, weights: np.ndarray) -> Tuple[Ranks, Cost]:
        """Return the full rank and the number of weights."""
        rows, columns = weights.shape
        return (min(rows, columns),), Cost(rows * columns, (columns, rows))

    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return the singular values, and the tails that ranks lose."""
        values = singular_values(weights)
        return Energies((values,), lost_energy(values)[1:])

    def factor(self, task: ChainTask) -> Found:
        """Factor the matrix."""
        from netsurgery.linalg import SPLITS, truncated_svd
        from netsurgery.methods.fits import FITS, NONE

        split = task.option("split", SPLITS)
        if task.option("fit", FITS) != NONE:
            from netsurgery.methods.fitting import fit_outputs

            (fit,) = fit_outputs(task, [task.weights], split)
            return Found((fit.right, fit.left), fit.error, fit.bias)
        pair = truncated_svd(task.weights, task.ranks[0], split)
        return Found((pair.right, pair.left), pair.error)

    def multiply(self, layer: LayerText, weights: Arrays) -> np.ndarray:
        """Return the product of the pair, as the original stores its weights."""
        right, left = weights
        return oriented(layer, left @ right)

    def factored(self, layer: LayerText, weights: Arrays) -> Factored:
        """Return the pair, as factors of the weights that the original stores."""
        from netsurgery.linalg import Factored

        right, left = weights
        if layer.parameter.inner_product_param.transpose:
            return Factored(right.T, left.T)
        return Factored(left, right)

    def values(self, layer: LayerText, names: Names, ranks: Ranks) -> Mapping[str, Filling]:
        """Return what to fill into the template."""
        from netsurgery.methods.pieces import CarriedParameters, wiring

        parameter, message = layer.parameter.inner_product_param, self.message
        axis = parameter.axis
        # Behind the first layer the inputs are one axis, the last: a negative axis is -1 there.
        second_axis = axis if axis >= 0 else -1
        wires = wiring(message, names)
        return {
            **wires,
            "middle": wires["first"],
            "rank": ranks[0],
            "num_output": parameter.num_output,
            "first_parameters": (
                _axis(axis),
                CarriedParameters(message, (*_SHAPE_FIELDS, "bias_filler")),
            ),
            "second_parameters": (
                "" if parameter.bias_term else "    bias_term: false\n",
                _axis(second_axis),
                CarriedParameters(message, _SHAPE_FIELDS),
            ),
        }


def _axis(axis: int) -> str:
    return "" if axis == 1 else f"    axis: {axis}\n"
