"""Values of HDF5 files."""

from __future__ import annotations

from netsurgery.layers.base import LayerType
from netsurgery.layers.registry import register_layer
from netsurgery.layers.traits import DataSource


@register_layer
class HDF5DataLayer(LayerType):
    """Whatever datasets the files hold."""

    name = "HDF5Data"
    is_stock = True
    bottoms = (0, 0)
    tops = (1, None)
    message = "hdf5_data_param"
    data = DataSource.HDF5
