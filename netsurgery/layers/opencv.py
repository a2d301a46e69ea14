"""How layer types tell what OpenCV's Caffe importer does otherwise than Caffe.

All that is told was found by running every layer of Caffe and its variants through both, with
OpenCV 4.14; its errors would come late, and its differences never.
"""

from __future__ import annotations

from netsurgery.layers.layer import Layer


def unheeded(what: str, layer: Layer) -> str:
    """Return that OpenCV leaves out of account what a layer says, to be put behind its name."""
    return f"does not heed {what} of a layer of type {layer.type}"
