"""What OpenCV's Caffe importer cannot run, and what it runs but not as Caffe does.

Found by running every layer of Caffe and its variants through both, with OpenCV 4.14; its
errors would come late, and its differences never.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Tuple

from netsurgery.network.graph import Layer
from netsurgery.network.shapes.base import Node, Shape
from netsurgery.network.shapes.pooling import has_empty_windows

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
    "Deconvolution": (
        "dilation",
        lambda layer: any(step != 1 for step in layer.convolution_param.dilation),
    ),
    "InnerProduct": ("transpose", lambda layer: layer.inner_product_param.transpose),
    "LRN": ("k, or Caffe's default of alpha,", lambda layer: _misreads_lrn(layer.lrn_param)),
    "Log": ("base, scale and shift", lambda layer: layer.log_param.ByteSize() > 0),
    "MVN": ("Caffe's meaning of eps", lambda layer: layer.mvn_param.HasField("eps")),
    "Slice": ("slice_dim", lambda layer: layer.slice_param.slice_dim != 1),
    "Swish": ("beta", lambda layer: layer.swish_param.beta != 1),
}

# Fields that are not stock Caffe's, but in OpenCV's own schema.
_KNOWS = frozenset(
    {
        "batch_norm_param.scale_bias",
        "detection_output_param.clip",
        "detection_output_param.normalized_bbox",
        "dropout_param.scale_train",
        "norm_param.across_spatial",
        "norm_param.channel_shared",
        "norm_param.eps",
        "norm_param.scale_filler",
        "pooling_param.ceil_mode",
        "prior_box_param.height",
        "prior_box_param.offset_h",
        "prior_box_param.offset_w",
        "prior_box_param.width",
    }
)


def why_not(layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
    """Say why OpenCV cannot run a layer as Caffe does; None where it can.

    Args:
        layer: The layer.
        bottoms: Shapes of what it reads, None where not known.
    """
    if layer.type not in RUNS:
        return f"OpenCV cannot run a layer of type {layer.type}"
    what, asked = _IGNORES.get(layer.type, ("", lambda layer: False))
    if asked(layer.parameter):
        return f"OpenCV does not heed {what} of a layer of type {layer.type}"
    unknown = _unknown_fields(layer)
    if unknown:
        return f"OpenCV does not know {unknown[0]}, and misreads the fields beside it"
    if layer.type == "Pooling" and bottoms and bottoms[0] and _has_empty_windows(layer, bottoms[0]):
        return "OpenCV has other values than Caffe where a MAX pooling window holds no pixel"
    return None


def _misreads_lrn(parameter: Any) -> bool:
    # OpenCV reads only what is written, and its own default of alpha is 0.0001.
    across = parameter.norm_region == parameter.ACROSS_CHANNELS
    return not parameter.HasField("alpha") or (across and parameter.k != 1)


def _unknown_fields(layer: Layer) -> Sequence[str]:
    """Fields that OpenCV does not know in blocks that it knows.

    Where there is one, it takes all fields that are not written there for zeros: `pad: 1` is lost.
    """
    paths = [path for path in layer.text.unknown if "." in path and path not in _KNOWS]
    if layer.parameter.pooling_param.HasField("round_mode"):
        paths.append("pooling_param.round_mode")
    return paths


def _has_empty_windows(layer: Layer, bottom: Shape) -> bool:
    param = layer.parameter.pooling_param
    return bool(param.pool == param.MAX and has_empty_windows(Node(layer, (bottom,))))
