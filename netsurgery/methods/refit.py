"""Fit a layer anew, so that from what it now reads it makes what it made in the original.

Least squares with inputs from the rewritten net and targets from the original (Zhang et al. 2015,
"asymmetric"; He et al. 2017): the layer also mends what edits before it broke.
"""

from __future__ import annotations

from typing import ClassVar, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration.gauges import Beside, Part, Target
from netsurgery.calibration.measuring import Source
from netsurgery.errors import NetworkError, PlanError
from netsurgery.formats.weights import LayerWeights
from netsurgery.linalg.compensation import refit, ridge_for
from netsurgery.linalg.moments import Moments
from netsurgery.methods import METHODS
from netsurgery.methods.base import Arrays, Context, Edit, Method, Rewrite
from netsurgery.methods.coupled import weights_name
from netsurgery.methods.reconstruction import WIDEST
from netsurgery.network.graph import Layer, Network, Value
from netsurgery.network.matrix_product import TYPES, MatrixProduct
from netsurgery.network.model import Model
from netsurgery.network.per_channel import PER_CHANNEL_TYPES, Axis, per_channel
from netsurgery.network.shapes import Shape, infer_shapes
from netsurgery.network.shapes.inference import Shapes


@METHODS.register("refit")
class Refit(Method):
    """Give a layer the weights that best give the original's outputs from its present inputs.

    Options of an edit: ``ridge``, the share of the mean square of the inputs that holds the weights
    to where they were; by default the more, the fewer rows were seen.
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
        shapes = infer_shapes(network, weights=model.weights)
        layer = _find(model, network, shapes, edit)
        if context.origin(layer.tops[0]).value not in context.original.network().values:
            raise PlanError(
                "the original has no layer that makes what this one should make",
                file=model.prototxt.file,
                layer=edit.layer,
            )
        target = Target(_original(context, layer.tops[0]), _beside(model, network, layer, context))
        moments = statistics.errands(model, layer, context.original, target)
        product = MatrixProduct(layer, shapes[layer.bottoms[0]] or ())
        ridge = edit.options.get("ridge")
        try:
            fitted = _fit(model, network, layer, product, moments, ridge)
        except ValueError as error:
            raise PlanError(str(error), file=model.prototxt.file, layer=edit.layer) from None
        return Rewrite(edit, {}, fitted, {name: (name,) for name in fitted}, "all, fitted")

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
    if layer.type not in TYPES:
        return f"it is of type {layer.type}; refit takes {' or '.join(TYPES)}"
    named = [other for other in network.layers if other.name == layer.name]
    if len(named) > 1 or len(layer.bottoms) > 1 or weights_name(layer.text):
        return "it shares its weights, and cannot be fitted alone"
    if bottom is None:
        return "the shape of what it reads is not known"
    try:
        width = MatrixProduct(layer, bottom).width
    except NetworkError as error:
        return error.problem
    if width > WIDEST:
        return (
            f"it reads {width} numbers at a time, and fitting it takes a matrix of their products"
        )
    return None


def _find(model: Model, network: Network, shapes: Shapes, edit: Edit) -> Layer:
    layer = next((layer for layer in network.layers if layer.name == edit.layer), None)
    if layer is None:
        problem: Optional[str] = "there is no such layer"
    elif not model.blobs(edit.layer):
        problem = "the weights hold no blobs for it"
    else:
        problem = why_not(network, layer, shapes[layer.bottoms[0]])
    if problem or layer is None:
        raise PlanError(str(problem), file=model.prototxt.file, layer=edit.layer)
    return layer


def _original(context: Context, value: Value) -> Part:
    origin = context.origin(value)
    return Part(Source(origin.value, 1), origin.kept, origin.axis)


def _beside(model: Model, network: Network, layer: Layer, context: Context) -> Optional[Beside]:
    """Return the shortcut to which the layer's output is added, behind scales and shifts alone.

    What the shortcut lacks after earlier cuts the layer can make up for (He et al. 2017, 3.2).
    """
    value, scale = layer.tops[0], np.ones(1)
    while True:
        readers = network.consumers(value)
        if len(readers) != 1:
            return None
        reader = readers[0]
        if reader.type == "Eltwise":
            break
        blobs = model.blobs(reader.name)
        if reader.type not in PER_CHANNEL_TYPES or not blobs:
            return None
        try:
            step = per_channel(reader, blobs, Axis(1, max(blob.count for blob in blobs)))
        except NetworkError:
            return None
        value, scale = reader.tops[0], scale * step.scale
    parameter, others = reader.parameter.eltwise_param, [v for v in reader.bottoms if v != value]
    if parameter.operation != parameter.SUM or parameter.coeff or len(others) != 1:
        return None
    channels = model.blobs(layer.name)[0].shape[0]
    scale = np.broadcast_to(scale, (channels,)).astype(np.float32)
    return Beside(Part(Source(others[0])), _original(context, others[0]), scale)


def _fit(
    model: Model,
    network: Network,
    layer: Layer,
    product: MatrixProduct,
    moments: Sequence[Moments],
    ridge: Optional[float],
) -> Mapping[str, Tuple[LayerWeights, ...]]:
    weights, *bias = model.blobs(layer.name)
    mean = None if bias else _normalising(model, network, layer)
    centred = bool(bias) or mean is not None
    found: List[np.ndarray] = []
    constants: List[np.ndarray] = []
    for matrix, seen in zip(product.matrices(weights.array()), moments):
        cross = seen.cross_covariance if centred else seen.cross
        gram = seen.covariance if centred else seen.second
        share = ridge_for(len(gram), seen.count) if ridge is None else ridge
        found.append(refit(cross, gram, share, matrix))
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
