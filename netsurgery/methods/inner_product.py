"""What methods that put two InnerProduct layers in the place of one have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Mapping, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.layers import Product
from netsurgery.linalg import Cost
from netsurgery.methods.chain import ChainMethod
from netsurgery.methods.orientation import oriented

if TYPE_CHECKING:
    from netsurgery.formats import Blob, Filling, LayerText
    from netsurgery.linalg import Factored, Ranks
    from netsurgery.methods.base import Arrays
    from netsurgery.methods.pieces import Names

_SHAPE_FIELDS = ("num_output", "bias_term", "axis", "transpose")


class InnerProductPair(ChainMethod):
    """Base of the methods that replace an InnerProduct layer by a pair of them.

    A method says how it factors the matrix, (outputs, inputs), and what ranks lose of it.
    """

    products: ClassVar[Tuple[Product, ...]] = (Product.DENSE,)
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
