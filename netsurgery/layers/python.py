"""A layer that a user wrote in Python."""

from __future__ import annotations

from netsurgery.layers.base import LayerType
from netsurgery.layers.registry import register_layer


@register_layer
class PythonLayer(LayerType):
    """Code that nobody knows."""

    name = "Python"
    is_stock = True
    bottoms = (0, None)
    tops = (0, None)
    keeps = "runs code that nobody knows"
