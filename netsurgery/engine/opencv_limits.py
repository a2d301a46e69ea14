"""What OpenCV's Caffe importer cannot run, and what it runs but not as Caffe does.

Found by running every layer of Caffe and its variants through both, with OpenCV 4.14; its
errors would come late, and its differences never.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from netsurgery.formats import Field, fork_dilation
from netsurgery.layers import CONVOLUTION, ShapeNode, groups_of, has_empty_windows, read_windows
from netsurgery.network import Layer, Shape

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
    "Convolution": ("hole", lambda layer: bool(fork_dilation(layer.convolution_param))),
    "Deconvolution": (
        "dilation",
        lambda layer: (
            any(step != 1 for step in layer.convolution_param.dilation)
            or bool(fork_dilation(layer.convolution_param))
        ),
    ),
    "InnerProduct": ("transpose", lambda layer: layer.inner_product_param.transpose),
    "LRN": ("k, or Caffe's default of alpha,", lambda layer: _misreads_lrn(layer.lrn_param)),
    "Log": ("base, scale and shift", lambda layer: layer.log_param.ByteSize() > 0),
    "MVN": ("Caffe's meaning of eps", lambda layer: layer.mvn_param.HasField("eps")),
    "Pooling": (
        "round_mode",
        lambda layer: layer.pooling_param.round_mode != layer.pooling_param.CEIL,
    ),
    "Slice": ("slice_dim", lambda layer: layer.slice_param.slice_dim != 1),
    "Swish": ("beta", lambda layer: layer.swish_param.beta != 1),
}

# Fields that are not stock Caffe's, but in OpenCV's own schema.
KNOWS = frozenset(
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
    if layer.type == "Eltwise" and len(set(bottoms)) > 1:
        return "OpenCV does not spread the bottoms of a layer of type Eltwise over each other"
    if (
        layer.kind == CONVOLUTION
        and bottoms
        and bottoms[0]
        and _is_thinly_dilated(layer, bottoms[0])
    ):
        return "OpenCV has other values than Caffe where a dilated 3x3 window reads one channel"
    if layer.type == "Pooling" and bottoms and bottoms[0] and _has_empty_windows(layer, bottoms[0]):
        return "OpenCV has other values than Caffe where a MAX pooling window holds no pixel"
    return None


def _misreads_lrn(parameter: Any) -> bool:
    # OpenCV reads only what is written, and its own default of alpha is 0.0001.
    across = parameter.norm_region == parameter.ACROSS_CHANNELS
    return not parameter.HasField("alpha") or (across and parameter.k != 1)


def misread_fields(layer: Layer) -> List[Field]:
    """Return the fields that OpenCV does not know.

    Where there is one in a block, it takes all fields that are not written there for zeros:
    `pad: 1` is lost. Some of the layer's own make it give up.
    """
    unknown = layer.text.unknown_fields
    found = [one.field for one in unknown if one.path not in KNOWS]
    for block in layer.text.block.messages("pooling_param"):
        found += [field for field in block.fields if field.name == "round_mode"]
    return found


def _is_thinly_dilated(layer: Layer, bottom: Shape) -> bool:
    """Depthwise, 3x3 and dilated: with pad 1 and stride 1 OpenCV reads other pixels."""
    param = layer.parameter.convolution_param
    channels = bottom[1] if len(bottom) == 4 else 0
    depthwise = groups_of(layer.type, param, channels) == channels == param.num_output
    if not depthwise or len(bottom) != 4:
        return False
    windows = read_windows(ShapeNode(layer, (bottom,)), param, 2)
    return windows.kernel == (3, 3) and max(windows.dilation) > 1


def _has_empty_windows(layer: Layer, bottom: Shape) -> bool:
    param = layer.parameter.pooling_param
    return bool(param.pool == param.MAX and has_empty_windows(ShapeNode(layer, (bottom,))))
