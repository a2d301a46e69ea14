"""What OpenCV's Caffe importer cannot run, and what it runs but not as Caffe does.

Found by running every layer of Caffe and its variants through both, with OpenCV 4.14; its
errors would come late, and its differences never.
"""

from __future__ import annotations

from typing import List, Optional, Sequence

from netsurgery.formats import Field
from netsurgery.layers import layer_type
from netsurgery.network import Layer, Shape

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


def runs(name: str) -> bool:
    """Whether OpenCV has a layer of a type, by the name that a prototxt calls it."""
    return name in layer_type(name).opencv_names


def why_not(layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
    """Say why OpenCV cannot run a layer as Caffe does; None where it can.

    Args:
        layer: The layer.
        bottoms: Shapes of what it reads, None where not known.
    """
    kind = layer.layer_type
    if layer.type not in kind.opencv_names:
        return f"OpenCV cannot run a layer of type {layer.type}"
    fault = kind.opencv_fault(layer, bottoms)
    return f"OpenCV {fault}" if fault else None


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
