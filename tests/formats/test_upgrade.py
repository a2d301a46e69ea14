"""The upgrade of V0 and V1 text, by Caffe's rules."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given, strategies as st
from random_messages import filled

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.dilation import FORK_FIELDS
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.schema import LayerParameter, V0LayerParameter, V1LayerParameter
from netsurgery.formats.upgrade import legacy
from netsurgery.formats.upgrade.upgrade import Upgraded, upgrade_net


def upgraded(text: str, **options: bool) -> Upgraded:
    result = upgrade_net(Prototxt.parse(text.encode(), "old.prototxt"), **options)
    assert result.prototxt.version == "V2"
    assert upgrade_net(result.prototxt).prototxt is result.prototxt
    return result


def layer_of(text: str) -> Any:
    (layer,) = upgraded(text).prototxt.layers
    assert layer.unknown == ()
    return layer.parameter


def message(text: str) -> Any:
    return text_format.Parse(text, LayerParameter())


V0_ROWS = """
conv num_output: 3 > convolution_param { num_output: 3 }
conv biasterm: false > convolution_param { bias_term: false }
conv weight_filler { type: "xavier" } > convolution_param { weight_filler { type: "xavier" } }
conv bias_filler < value: 2 > > convolution_param { bias_filler { value: 2 } }
conv pad: 1 kernelsize: 5 stride: 2 > convolution_param { pad: 1 kernel_size: 5 stride: 2 }
conv group: 2 > convolution_param { group: 2 }
innerproduct num_output: 3 biasterm: true > inner_product_param { num_output: 3 bias_term: true }
innerproduct weight_filler { std: 1 } > inner_product_param { weight_filler { std: 1 } }
innerproduct bias_filler { std: 1 } > inner_product_param { bias_filler { std: 1 } }
pool pool: AVE > pooling_param { pool: AVE }
pool pool: 2 pad: 1 > pooling_param { pool: STOCHASTIC pad: 1 }
pool kernelsize: 3 stride: 2 > pooling_param { kernel_size: 3 stride: 2 }
dropout dropout_ratio: .4 > dropout_param { dropout_ratio: 0.4 }
lrn local_size: 3 alpha: 1e-4 > lrn_param { local_size: 3 alpha: 1e-4 }
lrn beta: .5 k: 2 > lrn_param { beta: 0.5 k: 2 }
data source: "s" batchsize: 4 > data_param { source: "s" batch_size: 4 }
data rand_skip: 5 > data_param { rand_skip: 5 }
hdf5_data source: "s" batchsize: 4 > hdf5_data_param { source: "s" batch_size: 4 }
images source: "s" batchsize: 4 > image_data_param { source: "s" batch_size: 4 }
images rand_skip: 5 shuffle_images: true > image_data_param { rand_skip: 5 shuffle: true }
images new_height: 5 new_width: 6 > image_data_param { new_height: 5 new_width: 6 }
window_data source: "s" batchsize: 4 > window_data_param { source: "s" batch_size: 4 }
window_data det_fg_threshold: .1 > window_data_param { fg_threshold: 0.1 }
window_data det_bg_threshold: .1 > window_data_param { bg_threshold: 0.1 }
window_data det_fg_fraction: .1 > window_data_param { fg_fraction: 0.1 }
window_data det_context_pad: 1 > window_data_param { context_pad: 1 }
window_data det_crop_mode: "square" > window_data_param { crop_mode: "square" }
infogain_loss source: "s" > infogain_loss_param { source: "s" }
concat concat_dim: 0 > concat_param { concat_dim: 0 }
hdf5_output hdf5_output_param { file_name: "f" } > hdf5_output_param { file_name: "f" }
data scale: 2 meanfile: "m" > transform_param { scale: 2 mean_file: "m" }
images cropsize: 4 mirror: true > transform_param { crop_size: 4 mirror: true }
conv scale: 2 > transform_param { scale: 2 }
relu blobs_lr: 1 blobs_lr: 2 > param { lr_mult: 1 } param { lr_mult: 2 }
relu blobs_lr: 1 weight_decay: 0 > param { lr_mult: 1 decay_mult: 0 }
relu blobs { num: 1 data: 0.5 } > blobs { num: 1 data: 0.5 }
"""
V0_TYPES = {
    "accuracy": "Accuracy",
    "bnll": "BNLL",
    "concat": "Concat",
    "conv": "Convolution",
    "data": "Data",
    "dropout": "Dropout",
    "euclidean_loss": "EuclideanLoss",
    "flatten": "Flatten",
    "hdf5_data": "HDF5Data",
    "hdf5_output": "HDF5Output",
    "im2col": "Im2col",
    "images": "ImageData",
    "infogain_loss": "InfogainLoss",
    "innerproduct": "InnerProduct",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MultinomialLogisticLoss",
    "pool": "Pooling",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softmax_loss": "SoftmaxWithLoss",
    "split": "Split",
    "tanh": "TanH",
    "window_data": "WindowData",
}


@pytest.mark.parametrize("row", V0_ROWS.strip().splitlines())
def test_every_row_of_the_v0_table(row: str) -> None:
    old, new = row.rsplit(" > ", 1) if "<" in row else row.split(" > ", 1)
    kind, fields = old.split(" ", 1)
    text = f'layers {{ layer {{ name: "n" type: "{kind}" {fields} }} bottom: "b" top: "t" }}'
    wanted = message(f'name: "n" type: "{V0_TYPES[kind]}" bottom: "b" top: "t" {new}')
    assert layer_of(text) == wanted
    assert Prototxt.parse(text.encode()).layers[0].parameter == wanted


@pytest.mark.parametrize("kind", V0_TYPES)
def test_every_v0_type(kind: str) -> None:
    assert layer_of(f'layers {{ layer {{ type: "{kind}" }} }}').type == V0_TYPES[kind]


@pytest.mark.parametrize("kind", ["Convolution", "CONVOLUTION", "unheard_of"])
def test_a_type_that_v0_has_not_is_refused(kind: str) -> None:
    with pytest.raises(FormatError, match=f"old.prototxt:1:1: layer 'n': V0 has no .* '{kind}'"):
        upgraded(f'layers {{ layer {{ name: "n" type: "{kind}" }} }}')


def test_what_v0_has_no_place_for_is_reported() -> None:
    result = upgraded(
        'layers {\n layer {\n name: "n" type: "relu"\n num_output: 3\n mine: 1\n'
        " weight_filler { std: 1 }\n }\n include { phase: TEST } }\nstate { level: 1 }\nmine: 2"
    )
    assert result.notes == (
        "line 10: the net: mine is unknown to stock Caffe and is dropped",
        "line 9: the net: state is dropped: Caffe's upgrade of V0 loses it",
        "line 4: layer 'n': num_output is dropped: Caffe's upgrade has no place for it in a layer "
        "of type 'relu'",
        "line 5: layer 'n': layer.mine is unknown to stock Caffe and is dropped",
        "line 6: layer 'n': weight_filler is dropped: Caffe's upgrade has no place for it in a "
        "layer of type 'relu'",
        "line 8: layer 'n': include is dropped: Caffe's upgrade keeps only bottom and top around "
        "a layer",
    )
    assert bytes(result.prototxt) == b'layer {\n name: "n"\n type: "ReLU"\n}\n'


PADDED = """layers { layer { name: "p" type: "padding" pad: 2 } bottom: "a" top: "b" }
layers { layer { name: "c" type: "conv" pad: 9 kernelsize: 3 } bottom: "b" top: "c" }
layers { layer { name: "q" type: "pool" } bottom: "b" top: "d" }
layers { layer { name: "r" type: "padding" } bottom: "d" top: "d2" }
layers { layer { name: "s" type: "pool" kernelsize: 3 } bottom: "d2" top: "e" }
"""


def test_padding_layers_become_the_pad_of_those_behind() -> None:
    layers = [layer.parameter for layer in upgraded(PADDED).prototxt.layers]
    assert [layer.name for layer in layers] == ["c", "q", "s"]
    assert [list(layer.bottom) for layer in layers] == [["a"], ["a"], ["d"]]
    assert list(layers[0].convolution_param.pad) == [2]
    assert layers[1].pooling_param.pad == 2
    assert layers[2].pooling_param.pad == 0
    assert layers[2].pooling_param.HasField("pad")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('type: "conv"', 'type: "innerproduct"'),
        ('type: "conv"', 'type: "padding"'),
        ('} bottom: "b" top: "c"', '} bottom: "b" bottom: "a" top: "c"'),
        ('bottom: "a" top: "b"', 'bottom: "a" bottom: "a" top: "b"'),
        ('bottom: "a" top: "b"', 'bottom: "a" top: "b" top: "b2"'),
    ],
)
def test_padding_that_caffe_cannot_fold_is_refused(old: str, new: str) -> None:
    with pytest.raises(FormatError, match="padding layer"):
        upgraded(PADDED.replace(old, new, 1))


V1_TYPES = {
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "ELTWISE": "Eltwise",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}


@pytest.mark.parametrize(("old", "new"), V1_TYPES.items())
def test_every_v1_type(old: str, new: str) -> None:
    number = V1LayerParameter.DESCRIPTOR.enum_types_by_name["LayerType"].values_by_name[old].number
    assert layer_of(f"layers {{ type: {old} }}").type == new
    assert layer_of(f"layers {{ type: {number} }}").type == new
    assert len(legacy.V1_TYPES) == len(V1_TYPES) + 1  # and NONE


def test_v1_keeps_its_bytes_but_for_what_differs() -> None:
    old = """name: "n"
layers {  # first
  name: "c"
  type: CONVOLUTION  # type
  bottom: 'd', top: "c";
  blobs_lr: 1  # weights
  blobs_lr: 2.
  weight_decay: 1
  weight_decay: 0
  convolution_param <num_output: 0x3  # three
  >
}
layers: [{ type: 18 param: "a" blob_share_mode: PERMISSIVE }, {}]
"""
    new = """name: "n"
layer {  # first
  name: "c"
  type: "Convolution"  # type
  bottom: 'd', top: "c";
  param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 2. decay_mult: 0 }  # weights
  convolution_param <num_output: 0x3  # three
  >
}
layer: [{ type: "ReLU" param { name: "a" share_mode: PERMISSIVE } }, {}]
"""
    result = upgraded(old)
    assert bytes(result.prototxt).decode() == new
    assert result.notes == ()
    assert bytes(upgraded(old.replace("\n", "\r\n")).prototxt).decode() == new.replace("\n", "\r\n")


FORK = """layers { type: BN name: "b"
  gap: 2
  bn_param { eps: 1 }
  convolution_param { gap: 2 pad: 1 engine: MKL }
}
mine: 1
"""


def test_fields_of_forks_are_reported_and_dropped_or_kept() -> None:
    dropped = upgraded(FORK)
    assert bytes(dropped.prototxt) == (
        b'layer { type: "BN" name: "b"\n  bn_param { eps: 1 }\n  convolution_param { pad: 1 }\n}\n'
    )
    assert [note.split(": ", 2)[0] for note in dropped.notes] == [
        *("line 6", "line 1", "line 2", "line 3", "line 4", "line 4")
    ]
    assert all("layer 'b'" in note for note in dropped.notes[1:])
    kept = upgraded(FORK, keep_unknown=True)
    assert bytes(kept.prototxt) == FORK.replace("layers", "layer").replace("BN", '"BN"').encode()
    assert len(kept.notes) == len(dropped.notes)
    assert "convolution_param.gap is unknown to stock Caffe and is kept" in str(kept.notes)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("DATA", "data"), ("IMAGE_DATA", "image_data"), ("WINDOW_DATA", "window_data")],
)
def test_data_layers_hand_their_transformation_on(kind: str, name: str) -> None:
    fields = 'scale: 0.5 mean_file: "m" crop_size: 3 mirror: true'
    text = f'layers {{ type: {kind} {name}_param {{ source: "s" {fields} }} %s }}'
    wanted = message(
        f'type: "{legacy.V1_TYPES[kind]}" {name}_param {{ source: "s" }} '
        f"transform_param {{ {fields} }}"
    )
    assert layer_of(text % "") == wanted
    assert layer_of(text % "transform_param { scale: 3 }") == wanted
    other = f"layers {{ type: RELU {name}_param {{ {fields} }} }}"
    assert layer_of(other) == message(f'type: "ReLU" {name}_param {{ {fields} }}')


@given(st.builds(V1LayerParameter).flatmap(filled))
def test_random_v1_layers_agree_with_the_rules_on_messages(old: Any) -> None:
    old.ClearField("layer")
    for name in FORK_FIELDS:  # `test_holes_become_dilation`
        old.convolution_param.ClearField(name)
    text = text_format.MessageToString(old)
    parsed = text_format.Parse(text, V1LayerParameter())
    kind = legacy.V1_TYPES[V1LayerParameter.LayerType.Name(parsed.type)]
    wanted = legacy.upgrade_v1(parsed, kind)
    if not parsed.HasField("type"):
        wanted.ClearField("type")
    mine = layer_of(f"layers {{ {text} }}")
    assert mine.SerializeToString() == wanted.SerializeToString()


@given(
    st.builds(V0LayerParameter).flatmap(lambda one: filled(one, 12)),
    st.sampled_from(sorted(V0_TYPES)),
)
def test_random_v0_layers_agree_with_the_rules_on_messages(old: Any, kind: str) -> None:
    old.type = kind
    text = f"layer {{ {text_format.MessageToString(old)} }} bottom: 'b'"
    wanted = legacy.upgrade_v0(text_format.Parse(text, V1LayerParameter()))
    mine = layer_of(f"layers {{ {text} }}")
    assert mine.SerializeToString() == wanted.SerializeToString()


INPUTS = """name: "n"
# inputs
input: "a"  # first
input: 'b'
input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4
input_dim: [5, 6, 7, 8]

layer { name: "s" type: "Silence" bottom: "a" bottom: "b" }
"""


def test_inputs_become_a_layer() -> None:
    assert (
        bytes(upgraded(INPUTS).prototxt).decode()
        == """name: "n"
# inputs
layer {
  name: "input"
  type: "Input"
  top: "a"
  top: 'b'
  input_param {
    shape { dim: 1 dim: 2 dim: 3 dim: 4 }
    shape { dim: 5 dim: 6 dim: 7 dim: 8 }
  }
}
# first

layer { name: "s" type: "Silence" bottom: "a" bottom: "b" }
"""
    )


def test_inputs_behind_the_layers_come_first() -> None:
    result = upgraded('layer { type: "Silence" } input_shape { dim: 3 } input: "a"')
    first, second = result.prototxt.layers
    assert (first.type, first.tops, second.type) == ("Input", ("a",), "Silence")
    assert first.parameter.input_param.shape[0].dim == [3]


def test_inputs_without_shape_are_dropped_as_caffe_does() -> None:
    result = upgraded('layers { type: SILENCE }\ninput: "a"\n')
    assert bytes(result.prototxt) == b'layer { type: "Silence" }\n'
    assert result.notes == ("line 2: the net: input is dropped: it has no shape",)


def test_old_batch_norms_are_frozen() -> None:
    text = 'layer { type: "%s" param { lr_mult: 0 } param {lr_mult: 1 decay_mult: 2} param { } }'
    (layer,) = upgraded(text % "BatchNorm").prototxt.layers
    assert layer.text == (
        b'layer { type: "BatchNorm" param { lr_mult: 0 decay_mult: 0 } '
        b"param {lr_mult: 0 decay_mult: 0} param { lr_mult: 0 decay_mult: 0 } }"
    )
    net = Prototxt.parse((text % "Scale").encode())
    assert upgrade_net(net).prototxt is net
