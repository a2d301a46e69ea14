"""What OpenCV's Caffe importer cannot run, and what it runs but not as Caffe does.

Found by running every layer of Caffe and its variants through both, with OpenCV 4.14; its
errors would come late, and its differences never.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

_RUNS = """
    AbsVal Axpy BNLL BatchNorm Concat Convolution ConvolutionDepthwise Crop Deconvolution
    DetectionOutput Dropout ELU Eltwise Exp Flatten InnerProduct Input Interp LRN Log MVN
    Normalize PReLU PSROIPooling Permute Pooling Power PriorBox Proposal ROIPooling ReLU ReLU6
    Reorg Reshape Scale ShuffleChannel Sigmoid Silence Slice Softmax Split Swish TanH
"""
RUNS = frozenset(_RUNS.split())

# For a type: what OpenCV does not heed, and whether a layer's parameter asks for it.
_IGNORES: Dict[str, Tuple[str, Callable[[Any], bool]]] = {
    "Concat": ("concat_dim", lambda layer: layer.concat_param.concat_dim != 1),
    "InnerProduct": ("transpose", lambda layer: layer.inner_product_param.transpose),
    "LRN": ("k", lambda layer: layer.lrn_param.k != 1 and layer.lrn_param.norm_region == 0),
    "Log": ("base, scale and shift", lambda layer: layer.log_param.ByteSize() > 0),
    "MVN": ("Caffe's meaning of eps", lambda layer: layer.mvn_param.HasField("eps")),
    "Slice": ("slice_dim", lambda layer: layer.slice_param.slice_dim != 1),
    "Swish": ("beta", lambda layer: layer.swish_param.beta != 1),
}


def why_not(layer_type: str, parameter: Any) -> Optional[str]:
    """Say why OpenCV cannot run a layer as Caffe does; None where it can.

    Args:
        layer_type: Its type, V2 spelling.
        parameter: Its ``LayerParameter``.
    """
    if layer_type not in RUNS:
        return f"OpenCV cannot run a layer of type {layer_type}"
    what, asked = _IGNORES.get(layer_type, ("", lambda layer: False))
    return (
        f"OpenCV does not heed {what} of a layer of type {layer_type}" if asked(parameter) else None
    )
