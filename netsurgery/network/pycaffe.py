"""A network that is open in pycaffe, in this very process, as a model."""

from __future__ import annotations

import os
from typing import Any, Union

from netsurgery.formats import Blob, LayerWeights, Prototxt, Weights
from netsurgery.network.model import Model


def from_pycaffe(net: Any, prototxt: Union[str, os.PathLike[str]]) -> Model:
    """Take the weights out of a live ``caffe.Net``.

    The arrays are copied: what happens to the net afterwards does not change the model.

    Args:
        net: The net; its ``params`` are read.
        prototxt: The file it was built from.

    Raises:
        FormatError: The prototxt cannot be read.
    """
    document = Prototxt.read(prototxt)
    types = {layer.name: layer.type for layer in document.layers}
    layers = [
        LayerWeights(name, types.get(name), tuple(Blob.of(blob.data.copy()) for blob in blobs))
        for name, blobs in net.params.items()
    ]
    return Model(document, Weights.of(layers, document.name))
