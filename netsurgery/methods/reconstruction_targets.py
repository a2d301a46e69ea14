"""What a layer should make of what it now reads: that which it made in the original.

Where edits before have cut its channels, what is left of them; where its output is added to a
shortcut that lacks something by now, that too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import ObservedValue, Part, ResidualBranch, Target
from netsurgery.errors import NetworkError, PlanError
from netsurgery.formats import LayerWeights
from netsurgery.layers import ROW_PRODUCTS, Axis, MatrixProduct, per_channel
from netsurgery.linalg import Moments
from netsurgery.methods.coupled import weights_name
from netsurgery.methods.exchange import Context, Edit
from netsurgery.network import Layer, Model, Network, Shape, Value, infer_shapes, why_foreign


@dataclass(frozen=True)
class ReconstructionTarget:
    """A layer of a rewritten net, and what it should make.

    Attributes:
        model: The net.
        network: Its graph.
        edit: The order in which this is asked.
        context: What may be looked at beside the net.
        layer: The layer.
        product: The layer as rows times a matrix.
        target: What it should make.
    """

    model: Model
    network: Network
    edit: Edit
    context: Context
    layer: Layer
    product: MatrixProduct
    target: Target

    def moments(self, made: bool = False) -> Moments:
        """Return moments of what the layer reads and of what it should make, in its groups.

        Args:
            made: Whether to look at what it makes, in place of what it reads.

        Raises:
            PlanError: There are no inputs.
        """
        calibrator = self.context.require_calibrator(self.edit)
        return calibrator.targets(self.model, self.layer, self.context.original, self.target, made)

    def rows(self, model: Model) -> Tuple[np.ndarray, np.ndarray]:
        """Return some rows that the layer makes in a model of the same shapes, and should make."""
        calibrator = self.context.require_calibrator(self.edit)
        return calibrator.rows(model, self.layer, self.context.original, self.target)

    def filled(
        self, matrices: Sequence[np.ndarray], biases: Sequence[Optional[np.ndarray]]
    ) -> LayerWeights:
        """Return the layer with other weights, and another bias if it has one.

        Args:
            matrices: For each group its weights, shape (outputs, inputs).
            biases: For each group its bias, shape (outputs,), or whatever where there is none.
        """
        weights, *bias = self.model.blobs(self.layer.name)
        blobs = [weights.filled(self.product.joined(matrices)), *bias]
        if bias:
            blobs[1] = bias[0].filled(np.concatenate([one for one in biases if one is not None]))
        return LayerWeights(self.layer.name, self.layer.type, tuple(blobs))


def biases_of(model: Model, layer: str, groups: int) -> List[Optional[np.ndarray]]:
    """Return the bias of each group of a layer, float64 of shape (outputs,); None without one."""
    rows = [blob.array().ravel() for blob in model.blobs(layer)[1:]]
    return [*np.split(rows[0].astype(np.float64), groups)] if rows else [None] * groups


def find_target(model: Model, edit: Edit, context: Context) -> ReconstructionTarget:
    """Return what the layer of an edit should make.

    Raises:
        PlanError: There is no such layer, it cannot be fitted alone, or the original makes nothing
            of the kind.
    """
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    layer = next((layer for layer in network.layers if layer.name == edit.layer), None)
    if layer is None:
        problem: Optional[str] = "there is no such layer"
    elif not model.blobs(edit.layer):
        problem = "the weights hold no blobs for it"
    elif context.origin(layer.tops[0]).value not in context.original.network().values:
        problem = "the original has no layer that makes what this one should make"
    else:
        problem = why_not_alone(network, layer, shapes[layer.bottoms[0]])
    if problem or layer is None:
        raise PlanError(str(problem), file=model.prototxt.file, layer=edit.layer)
    target = Target(_original(context, layer.tops[0]), _beside(model, network, layer, context))
    product = MatrixProduct.of(layer, shapes[layer.bottoms[0]] or ())
    return ReconstructionTarget(model, network, edit, context, layer, product, target)


def why_not_alone(network: Network, layer: Layer, bottom: Optional[Shape]) -> Optional[str]:
    """Return why a layer cannot be fitted, or None if it can.

    Args:
        network: The network.
        layer: The layer.
        bottom: Shape of what it reads.
    """
    if layer.layer_type.product not in ROW_PRODUCTS:
        known = " or ".join(product.value for product in ROW_PRODUCTS)
        return f"it is of type {layer.type}; refit takes {known}"
    named = [other for other in network.layers if other.name == layer.name]
    if len(named) > 1 or len(layer.bottoms) > 1 or weights_name(layer.text):
        return "it shares its weights, and cannot be fitted alone"
    if shares_blobs(network, layer):
        return "it shares its bias, and cannot be fitted alone"
    foreign = why_foreign(layer.text)
    if foreign or bottom is None:
        return foreign or "the shape of what it reads is not known"
    try:
        MatrixProduct.of(layer, bottom)
    except NetworkError as error:
        return error.problem
    return None


def shares_blobs(network: Network, layer: Layer) -> bool:
    """Return whether a blob of a layer, its weights or its bias, is that of another layer too."""
    members = (member for group in network.shared_parameters for member, _ in group.members)
    return any(member.index == layer.index for member in members)


def _original(context: Context, value: Value) -> Part:
    origin = context.origin(value)
    return Part(ObservedValue(origin.value, 1), origin.kept, origin.axis)


def _beside(
    model: Model, network: Network, layer: Layer, context: Context
) -> Optional[ResidualBranch]:
    """Return the shortcut to which the layer's output is added, behind scales and shifts alone.

    What the shortcut lacks after earlier cuts the layer can make up for (He et al. 2017, 3.2).
    """
    value, scale = layer.tops[0], np.ones(1)
    while True:
        readers = network.consumers(value)
        if len(readers) != 1:
            return None
        reader = readers[0]
        if reader.layer_type.adds_plainly(reader):
            break
        blobs = model.blobs(reader.name)
        if not reader.layer_type.is_per_channel or not blobs:
            return None
        try:
            step = per_channel(reader, blobs, Axis(1, max(blob.count for blob in blobs)))
        except NetworkError:
            return None
        value, scale = reader.tops[0], scale * step.scale
    others = [other for other in reader.bottoms if other != value]
    if len(others) != 1:
        return None
    shapes = infer_shapes(network, weights=model.weights)
    if reader.layer_type.spreads(reader, [shapes[value] for value in reader.bottoms]):
        return None
    channels = model.blobs(layer.name)[0].shape[0]
    scale = np.broadcast_to(scale, (channels,)).astype(np.float32)
    return ResidualBranch(Part(ObservedValue(others[0])), _original(context, others[0]), scale)
