"""The way round that weights are stored."""

from __future__ import annotations

import numpy as np

from netsurgery.formats import LayerText


def oriented(layer: LayerText, array: np.ndarray) -> np.ndarray:
    """Turn an InnerProduct layer's weights as stored into (outputs, inputs), or back."""
    matrix = array.reshape(array.shape[-2:])
    return matrix.T if layer.parameter.inner_product_param.transpose else matrix
