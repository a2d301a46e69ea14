"""A network that is open in pycaffe, in this very process, as a model."""

from __future__ import annotations

import os
from typing import Any, Union

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob, LayerWeights, Prototxt, Weights
from netsurgery.network.model import Model
from netsurgery.validation import validated


@validated
def from_pycaffe(net: Any, prototxt: Union[str, os.PathLike[str]]) -> Model:
    """Take the weights out of a live ``caffe.Net``.

    The arrays are copied: what happens to the net afterwards does not change the model.

    Args:
        net: The net; its ``params`` are read.
        prototxt: The file it was built from.

    Raises:
        FormatError: The prototxt cannot be read.
        NetworkError: The net is none.
    """
    document = Prototxt.read(prototxt)
    if not hasattr(net, "params"):
        raise NetworkError(
            f"a {type(net).__name__} is no net of pycaffe: it has no params",
            remedy="give a caffe.Net",
        )
    types = {layer.name: layer.type for layer in document.layers}
    layers = [
        LayerWeights(name, types.get(name), tuple(Blob.of(blob.data.copy()) for blob in blobs))
        for name, blobs in net.params.items()
    ]
    return Model(document, Weights.of(layers, document.name))
