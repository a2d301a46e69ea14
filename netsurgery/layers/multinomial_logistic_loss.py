"""The cross-entropy of probabilities and labels."""

from __future__ import annotations

from netsurgery.layers.loss import FourAxesLossLayer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.traits import Compared


@register_layer
class MultinomialLogisticLossLayer(FourAxesLossLayer):
    """Minus the logarithm of what the label was given."""

    name = "MultinomialLogisticLoss"
    is_stock = True
    compares = Compared.CLASSES
