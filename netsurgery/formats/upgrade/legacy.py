"""Caffe's three spellings of a layer: V0 (2013), V1 (`layers`), V2 (`layer`), as tables.

The rules are those of Caffe's own upgrade (src/caffe/util/upgrade_proto.cpp).
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

from netsurgery.formats.schema import LayerParameter, V1LayerParameter
from netsurgery.formats.upgrade import layer_types

# V1 type in a prototxt: V2 type.
V1_TYPES: Dict[str, str] = {
    value.name: layer_types.V1_TYPES[value.number]
    for value in V1LayerParameter.DESCRIPTOR.enum_types_by_name["LayerType"].values
}
V0_TYPES = layer_types.V0_TYPES

_FILTERS = {"conv": "convolution_param", "innerproduct": "inner_product_param"}
_WINDOWS = {"conv": "convolution_param", "pool": "pooling_param"}
_LRN = {"lrn": "lrn_param"}
_BATCHES = {
    "data": "data_param",
    "hdf5_data": "hdf5_data_param",
    "images": "image_data_param",
    "window_data": "window_data_param",
}
_IMAGES = {"images": "image_data_param"}
_CROPS = {"window_data": "window_data_param"}
_ANY = dict.fromkeys(V0_TYPES, "transform_param")

# V0 field: (its V2 name, {V0 type that may have it: the V2 message it goes to, "" the layer}).
V0_FIELDS: Dict[str, Tuple[str, Dict[str, str]]] = {
    "num_output": ("num_output", _FILTERS),
    "biasterm": ("bias_term", _FILTERS),
    "weight_filler": ("weight_filler", _FILTERS),
    "bias_filler": ("bias_filler", _FILTERS),
    "pad": ("pad", _WINDOWS),
    "kernelsize": ("kernel_size", _WINDOWS),
    "group": ("group", {"conv": "convolution_param"}),
    "stride": ("stride", _WINDOWS),
    "pool": ("pool", {"pool": "pooling_param"}),
    "dropout_ratio": ("dropout_ratio", {"dropout": "dropout_param"}),
    "local_size": ("local_size", _LRN),
    "alpha": ("alpha", _LRN),
    "beta": ("beta", _LRN),
    "k": ("k", _LRN),
    "source": ("source", {**_BATCHES, "infogain_loss": "infogain_loss_param"}),
    "batchsize": ("batch_size", _BATCHES),
    "rand_skip": ("rand_skip", {"data": "data_param", "images": "image_data_param"}),
    "shuffle_images": ("shuffle", _IMAGES),
    "new_height": ("new_height", _IMAGES),
    "new_width": ("new_width", _IMAGES),
    "concat_dim": ("concat_dim", {"concat": "concat_param"}),
    "det_fg_threshold": ("fg_threshold", _CROPS),
    "det_bg_threshold": ("bg_threshold", _CROPS),
    "det_fg_fraction": ("fg_fraction", _CROPS),
    "det_context_pad": ("context_pad", _CROPS),
    "det_crop_mode": ("crop_mode", _CROPS),
    "hdf5_output_param": ("hdf5_output_param", {"hdf5_output": ""}),
    "scale": ("scale", _ANY),
    "meanfile": ("mean_file", _ANY),
    "cropsize": ("crop_size", _ANY),
    "mirror": ("mirror", _ANY),
}

# V2 fields without a sign that had one in V0.
WRAPPED = ("new_height", "new_width")
# Data layers whose own parameter once held what `transform_param` holds now.
TRANSFORMED: Dict[str, str] = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}
TRANSFORM_FIELDS = ("scale", "mean_file", "crop_size", "mirror")
# V1 lists, one value a blob, and the field of V2's `param` that each became.
PARAM_LISTS = {
    "param": "name",
    "blob_share_mode": "share_mode",
    "blobs_lr": "lr_mult",
    "weight_decay": "decay_mult",
}


def _set(message: Any, name: str, value: Any) -> None:
    """Set, or append to, a field; a message is copied.

    V0's sizes have a sign, those of V2 have none: C++ wraps them.
    """
    target = getattr(message, name)
    if hasattr(target, "append"):
        target.append(value)
    elif hasattr(target, "CopyFrom"):
        target.CopyFrom(value)
    else:
        setattr(message, name, value % 2**32 if name in WRAPPED else value)


def _copy_lists(source: Any, layer: Any) -> None:
    for old, new in PARAM_LISTS.items():
        for index, value in enumerate(getattr(source, old, ())):
            while len(layer.param) <= index:
                layer.param.add()
            setattr(layer.param[index], new, value)


def _move_transform(layer: Any) -> None:
    """Move what V1 data layers held themselves to ``transform_param``."""
    holder_name = TRANSFORMED.get(layer.type)
    if holder_name is None or not layer.HasField(holder_name):
        return
    holder = getattr(layer, holder_name)
    for name in TRANSFORM_FIELDS:
        if holder.HasField(name):
            setattr(layer.transform_param, name, getattr(holder, name))
            holder.ClearField(name)


def upgrade_v1(v1: Any, type_name: str) -> Any:
    """Return the V2 ``LayerParameter`` of a ``V1LayerParameter``.

    Args:
        v1: The message.
        type_name: The layer's type, spelt as in V2.
    """
    layer = LayerParameter(type=type_name)
    same = layer.DESCRIPTOR.fields_by_name
    for descriptor, value in v1.ListFields():
        name = descriptor.name
        if name in PARAM_LISTS or name in ("type", "layer") or name not in same:
            continue
        if hasattr(value, "extend"):
            getattr(layer, name).extend(value)
        else:
            _set(layer, name, value)
    _copy_lists(v1, layer)
    _move_transform(layer)
    return layer


def upgrade_v0(wrapper: Any) -> Any:
    """Return the V2 ``LayerParameter`` of a ``V1LayerParameter`` that wraps a V0 ``layer``."""
    v0 = wrapper.layer
    layer = LayerParameter(type=V0_TYPES.get(v0.type, v0.type))
    layer.bottom.extend(wrapper.bottom)
    layer.top.extend(wrapper.top)
    if v0.HasField("name"):
        layer.name = v0.name
    for descriptor, value in v0.ListFields():
        new, owners = V0_FIELDS.get(descriptor.name, ("", {}))
        owner = owners.get(v0.type)
        if owner is not None:
            _set(getattr(layer, owner) if owner else layer, new, value)
    layer.blobs.extend(v0.blobs)
    _copy_lists(v0, layer)
    _move_transform(layer)
    return layer
