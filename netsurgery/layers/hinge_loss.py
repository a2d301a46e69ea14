"""The hinge loss of scores, one against all."""

from __future__ import annotations

from netsurgery.layers.loss import FourAxesLossLayer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.traits import Compared


@register_layer
class HingeLossLayer(FourAxesLossLayer):
    """What a score lacks of a margin, added up."""

    name = "HingeLoss"
    is_stock = True
    compares = Compared.CLASSES
