"""The upgraded text is the net that real Caffe makes of the old one."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest
from caffe_nets import CaffeNets, start_caffe

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.schema import message_class
from netsurgery.formats.upgrade.downgrade import downgrade_layers
from netsurgery.formats.upgrade.upgrade import upgrade_net

h5py = pytest.importorskip("h5py")

HEAD = 'name: "n" input: "d" input_dim: [2, 3, 8] input_dim: 8 force_backward: true\n'
TWO_INPUTS = HEAD.replace("force", 'input: "l" input_dim: [2, 1, 1, 1] force')


def v0(kind: str, fields: str = "", bottoms: str = "d", tops: str = "t") -> str:
    """One V0 layer."""
    wires = [f'bottom: "{name}"' for name in bottoms.split()]
    wires += [f'top: "{name}"' for name in tops.split()]
    own = f'name: "{kind}_{tops}" type: "{kind}" {fields}'
    return f"layers {{ layer {{ {own} }} {' '.join(wires)} }}\n"


FILLERS = 'weight_filler { type: "xavier" } bias_filler { value: 2 }'
RATES = "blobs_lr: 1 blobs_lr: 2 weight_decay: 3 weight_decay: 0"
V0_NETS = {
    "conv": HEAD
    + v0("conv", f"num_output: 6 kernelsize: 3 pad: 1 stride: 2 group: 3 {FILLERS} {RATES}"),
    "no bias": HEAD + v0("conv", "num_output: 6 kernelsize: 3 biasterm: false blobs_lr: 3"),
    "innerproduct": HEAD + v0("innerproduct", f"num_output: 6 biasterm: true {FILLERS} {RATES}"),
    "pool": HEAD + v0("pool", "pool: AVE kernelsize: 3 stride: 2 pad: 1"),
    "lrn": HEAD + v0("lrn", "local_size: 3 alpha: 1e-4 beta: .5 k: 2"),
    "dropout": HEAD + v0("dropout", "dropout_ratio: .3", tops="d"),
    "padding": HEAD
    + v0("padding", "pad: 2", tops="p")
    + v0("conv", "num_output: 2 kernelsize: 3 pad: 7", "p")
    + v0("pool", "kernelsize: 3", "p", "q")
    + v0("padding", "", "q", "r")
    + v0("pool", "kernelsize: 2 pad: 1", "r", "s"),
    "plain": HEAD
    + "".join(
        v0(kind, tops=kind) for kind in ("relu", "sigmoid", "tanh", "bnll", "softmax", "flatten")
    ),
    "split": HEAD + v0("split", tops="a b"),
    "concat": TWO_INPUTS.replace("2, 1, 1, 1", "2, 4, 8, 8") + v0("concat", "concat_dim: 1", "d l"),
    "losses": TWO_INPUTS
    + v0("flatten", tops="f")
    + v0("softmax_loss", "", "f l", "a")
    + v0("accuracy", "", "f l", "b")
    + v0("softmax", "", "f", "s")
    + v0("multinomial_logistic_loss", "", "s l", "c")
    + v0("infogain_loss", 'source: "infogain.binaryproto"', "s l", "e")
    + v0("euclidean_loss", "", "f s", "g"),
    "hdf5": v0("hdf5_data", 'source: "list.txt" batchsize: 2', "", "data label")
    + v0("hdf5_output", 'hdf5_output_param { file_name: "out.h5" }', "data label", ""),
    "images": v0(
        "images",
        'source: "images.txt" batchsize: 2 rand_skip: 1 shuffle_images: true new_height: 6'
        ' new_width: 7 cropsize: 4 mirror: true scale: .5 meanfile: "mean.binaryproto"',
        "",
        "data label",
    ),
    "windows": v0(
        "window_data",
        'source: "windows.txt" batchsize: 2 det_fg_threshold: .6'
        " det_bg_threshold: .4 det_fg_fraction: .5 det_context_pad: 1 cropsize: 4"
        ' det_crop_mode: "square" mirror: true meanfile: "mean.binaryproto"',
        "",
        "data label",
    ),
    "on the wrong type": HEAD
    + v0("relu", "num_output: 3 kernelsize: 2 pool: MAX k: 1")
    + "state { level: 3 } debug_info: false",
}
V1_NETS = {
    "shared": HEAD
    + "".join(
        f'layers {{ name: "{name}" type: INNER_PRODUCT bottom: "d" top: "{name}" {rate}'
        ' param: "w" param: ""'
        " blob_share_mode: PERMISSIVE inner_product_param { num_output: 4 } loss_weight: 2 }\n"
        for name, rate in (("a", "blobs_lr: 2 weight_decay: [0.5, 4]"), ("b", ""))
    ),
    "rules": HEAD + 'layers { name: "a" type: RELU bottom: "d" top: "a" include { phase: TEST } }'
    ' layers { name: "a" type: 18 bottom: "d" top: "b" exclude { phase: TEST } }'
    ' layers: [{ name: "c" type: SILENCE bottom: "d" }]',
    "images": 'layers { name: "i" type: IMAGE_DATA top: "d" top: "l" transform_param { scale: 3 }'
    ' image_data_param { source: "images.txt" batch_size: 2 scale: .5 crop_size: 3 mirror: true'
    ' mean_file: "mean.binaryproto" new_height: 6 new_width: 7 } }',
    "windows": 'layers { name: "i" type: WINDOW_DATA top: "d" top: "l" window_data_param { source:'
    ' "windows.txt" batch_size: 2 crop_size: 3 mirror: true mean_file: "mean.binaryproto" } }',
}
V2_NETS = {
    "shapes": 'input: "a" input_shape { dim: 1 dim: 2 } input: "b" input_shape < dim: 3 >'
    ' layer { name: "s" type: "Silence" bottom: "a" bottom: "b" }',
    "batch norm": HEAD
    + 'layer { name: "b" type: "BatchNorm" bottom: "d" top: "b" param { lr_mult: 1 }'
    ' param { decay_mult: 2 } param { name: "n" lr_mult: 0 } }',
    "two params": HEAD + 'layer { name: "b" type: "BatchNorm" bottom: "d" top: "b"'
    " param: [{ lr_mult: 0 }, { lr_mult: 0 }] }",
    "data param": 'layer { name: "i" type: "DummyData" top: "d"'
    " dummy_data_param { shape { dim: 1 } } image_data_param { scale: 2 } }",
}


def write_data(folder: Path) -> None:
    """The files that the data layers above read."""
    blob = message_class("BlobProto")
    mean = blob(num=1, channels=3, height=6, width=7, data=[1.0] * (3 * 6 * 7))
    (folder / "mean.binaryproto").write_bytes(mean.SerializeToString())
    labels = 3 * 8 * 8
    infogain = blob(num=1, channels=1, height=labels, width=labels, data=[0.5] * labels**2)
    (folder / "infogain.binaryproto").write_bytes(infogain.SerializeToString())
    header = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 246, 0, 0, 54, 40, 8, 8, 1, 24, *(6 * [0]))
    (folder / "image.bmp").write_bytes(header + bytes(3 * 8 * 8))
    (folder / "images.txt").write_text(f"{folder}/image.bmp 0\n" * 4)
    boxes = "1 0.9 0 0 5 5\n0 0.1 1 1 6 6\n"
    (folder / "windows.txt").write_text(f"# 0\n{folder}/image.bmp\n3\n8\n8\n2\n{boxes}")
    with h5py.File(folder / "data.h5", "w") as file:
        file["data"] = np.zeros((4, 3), np.float32)
        file["label"] = np.zeros((4, 1), np.float32)
    (folder / "list.txt").write_text(f"{folder}/data.h5\n")


@pytest.fixture(scope="module")
def caffe(caffe_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaffeNets]:
    folder = tmp_path_factory.mktemp("caffe")
    write_data(folder)
    yield from start_caffe(caffe_python, folder)


NETS = {**V0_NETS, **{f"v1 {name}": text for name, text in V1_NETS.items()}, **V2_NETS}


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("text", NETS.values(), ids=NETS)
def test_caffe_sees_the_same_net(caffe: CaffeNets, text: str, phase: str) -> None:
    new = upgrade_net(Prototxt.parse(text.encode())).prototxt
    assert new.version == "V2"
    old_net = caffe.build(text.encode(), phase)
    assert old_net is not None
    assert caffe.build(bytes(new), phase) == old_net


def test_real_old_nets_stay_the_same(caffe: CaffeNets, shared: Path, zoo: Path) -> None:
    built = 0
    for path in sorted(zoo.glob("*/deploy*.prototxt")):
        net = Prototxt.read(path)
        new = upgrade_net(net).prototxt
        if new is net:
            continue
        old_net = caffe.build(bytes(net))
        if old_net is not None:
            assert caffe.build(bytes(new)) == old_net, path
            built += 1
    assert built >= 6


def test_layers_in_the_words_of_v1_are_the_same(caffe: CaffeNets) -> None:
    head = re.sub(r" force_backward: true", "", HEAD)
    layers = b"""layer {
  name: "c"
  type: "Convolution"  # type
  bottom: "d"
  top: "c"
  param { lr_mult: 2 decay_mult: 0 }
  param { name: "bias" share_mode: PERMISSIVE decay_mult: 3 }
  convolution_param { num_output: 4 kernel_size: 3 }
}
layer { name: "e" type: "ReLU" bottom: "c" top: "c" include { phase: TEST } }
layer { name: "i" type: "InnerProduct" bottom: "c" top: "i" param { } param: [{ name: "b" }]
  inner_product_param { num_output: 4 } }
"""
    old = head.encode() + downgrade_layers(layers)
    assert Prototxt.parse(old).version == "V1"
    assert b"  type: CONVOLUTION  # type\n" in old
    wanted, got = caffe.build(head.encode() + layers), caffe.build(old)
    assert got is not None
    for net in (wanted, got):
        for layer in net.layer:
            for param in layer.param:  # V1 says for each blob before the last what V2 leaves out.
                for name in ("lr_mult", "decay_mult", "share_mode", "name"):
                    setattr(param, name, getattr(param, name))
    assert got == wanted
