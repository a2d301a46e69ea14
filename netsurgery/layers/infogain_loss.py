"""The softmax and its cross-entropy with labels, of which some weigh more."""

from __future__ import annotations

from typing import Any

from netsurgery.layers.registry import register_layer
from netsurgery.layers.softmax_with_loss import SoftmaxWithLossLayer
from netsurgery.layers.traits import Compared


@register_layer
class InfogainLossLayer(SoftmaxWithLossLayer):
    """The cross-entropy weighed by a matrix, of a file or of a third bottom."""

    name = "InfogainLoss"
    bottoms = (2, 3)
    compares = Compared.CLASSES

    def param(self, parameter: Any) -> Any:
        """Its own block."""
        return parameter.infogain_loss_param
