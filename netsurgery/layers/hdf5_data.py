"""Values of HDF5 files."""

from __future__ import annotations

from netsurgery.layers.base import LayerType
from netsurgery.layers.registry import register_layer


@register_layer
class HDF5DataLayer(LayerType):
    """Whatever datasets the files hold."""

    name = "HDF5Data"
    is_stock = True
    bottoms = (0, 0)
    tops = (1, None)
