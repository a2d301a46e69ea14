"""Fields of forks that make a known layer type behave otherwise, so that no rule can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.layers import NORMALISING, places_of

if TYPE_CHECKING:
    from netsurgery.layers import Layer

# Types whose number of blobs depends on the fork.
_OWN_BLOBS = frozenset({"CConvolution", "CInnerProduct", "LayerNorm", "MKLBatchNorm"})
_CHANGE_TOPS = frozenset(
    {
        "concat_param.per_fla_fuse",
        "convolution_param.kernel_depth",
        "convolution_param.tf_pad",
        "filter_param",
        "pooling_param.bin_size",
        "pooling_param.kernel_depth",
        "reshape_param.pixelshuffler",
        "transform_param.resize_param",
    }
)


def changes_tops(layer: Layer) -> bool:
    """Whether a field of a fork changes the shape of what the layer makes."""
    return not _CHANGE_TOPS.isdisjoint(layer.text.unknown)


def changes_blobs(layer: Layer) -> bool:
    """Whether the blobs of the layer depend on the fork."""
    unclear = layer.type in NORMALISING and places_of(layer) is None
    return unclear or layer.type in _OWN_BLOBS
