"""Nets of forks, which stock Caffe does not load: OpenCV is the judge of what is cut."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
from channel_choices import random_keep, with_random_weights
from channel_nets import line

from netsurgery.network.channels import channel_groups, masked, thin_model
from netsurgery.network.model import Model, load
from netsurgery.network.shapes import infer_shapes

WORKER = Path(__file__).with_name("opencv_worker.py")
# As in test_channels_caffe.py.
NOISE = 1e-4


def conv(name: str, bottom: str, fields: str, kind: str = "Convolution") -> str:
    return line(kind, name, [bottom], [name], f"convolution_param {{ kernel_size: 1 {fields} }}")


def reshape(name: str, bottom: str, *dims: int) -> str:
    shape = " ".join(f"dim: {dim}" for dim in dims)
    return line("Reshape", name, [bottom], [name], f"reshape_param {{ shape {{ {shape} }} }}")


def permute(name: str, bottom: str, *order: int) -> str:
    axes = " ".join(f"order: {axis}" for axis in order)
    return line("Permute", name, [bottom], [name], f"permute_param {{ {axes} }}")


INPUT = 'input: "x" input_shape { dim: 1 dim: 3 dim: 6 dim: 5 }\n'
REGIONS = 'input: "rois" input_shape { dim: 2 dim: 5 }\n'
WIDE = INPUT + conv("a", "x", "num_output: 12")
END = line("InnerProduct", "end", ["last"], ["end"], "inner_product_param { num_output: 4 }")
AVERAGE = "pooling_param { pool: AVE global_pooling: true }"

NETS: Dict[str, str] = {
    "shuffle": WIDE
    + conv("b", "a", "num_output: 12 group: 3")
    + line("ShuffleChannel", "s", ["b"], ["s"], "shuffle_channel_param { group: 3 }")
    + conv("last", "s", "num_output: 8 group: 2")
    + END,
    "shuffle by reshape and permute": WIDE
    + reshape("r", "a", 0, 3, 4, 30)
    + permute("p", "r", 0, 2, 1, 3)
    + reshape("s", "p", 0, 12, 6, 5)
    + conv("last", "s", "num_output: 5")
    + END,
    "head": WIDE + permute("p", "a", 0, 2, 3, 1) + line("Flatten", "f", ["p"], ["last"]) + END,
    "head of classes": WIDE
    + permute("p", "a", 0, 2, 3, 1)
    + reshape("r", "p", 0, -1, 4)
    + line("Softmax", "s", ["r"], ["s"], "softmax_param { axis: 2 }")
    + line("Flatten", "f", ["s"], ["last"])
    + END,
    "gate": WIDE
    + conv("b", "x", "num_output: 12")
    + line("Pooling", "g", ["a"], ["g"], AVERAGE)
    + line("Axpy", "axpy", ["g", "a", "b"], ["last"])
    + END,
    "regions": REGIONS
    + WIDE
    + line(
        "ROIPooling",
        "pool",
        ["a", "rois"],
        ["last"],
        "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 1 }",
    )
    + END,
    "depthwise": WIDE
    + conv("b", "a", "num_output: 12 group: 12", "ConvolutionDepthwise")
    + line("ReLU6", "r", ["b"], ["last"])
    + END,
    "resized": WIDE + line("Interp", "i", ["a"], ["last"], "interp_param { zoom_factor: 2 }") + END,
}


def check(pairs: List[Model], folder: Path, keep_same: frozenset = frozenset()) -> None:
    """Every value of a size that did not change is the same in both models."""
    folder.mkdir(exist_ok=True)
    cases = []
    for number, model in enumerate(pairs):
        ends = (".prototxt", ".caffemodel", ".npz", ".out.npz")
        cases.append([folder / f"{number}{end}" for end in ends])
        model.save(*cases[-1][:2])
        network = model.network()
        shapes, random = infer_shapes(network), np.random.default_rng(3)
        inputs = {v.blob: np.float32(random.random(shapes[v])) for v in network.inputs}
        np.savez(cases[-1][2], **inputs)
    text = "".join(json.dumps([str(path) for path in case]) + "\n" for case in cases)
    subprocess.run([sys.executable, str(WORKER)], input=text, text=True, check=True)
    expected, found = (np.load(case[-1]) for case in cases)
    compared = 0
    for name in expected.files:
        one, other = expected[name], found[name]
        if ":" in name or one.shape != other.shape or name in keep_same:
            continue
        limit = NOISE * max(np.abs(one).max(initial=0), 1e-3)
        np.testing.assert_allclose(other, one, rtol=0, atol=limit, err_msg=name)
        compared += 1
    assert compared


def cut(model: Model) -> List[Model]:
    """The model with zeros, and without some channels."""
    groups = channel_groups(model)
    keep = random_keep(groups, 1)
    assert any(len(keep[group.name]) < group.channels for group in groups if group.name in keep)
    return [masked(model, groups, keep), thin_model(model, groups, keep)]


@pytest.mark.parametrize("name", sorted(NETS))
def test_layers_of_forks_without_channels(name: str, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    check(cut(with_random_weights(NETS[name])), tmp_path)


@pytest.mark.parametrize("name", ["yufacedetect_v1", "hyperlpr_mininet_ssd", "ultraface_rfb320"])
def test_detectors_without_channels(name: str, zoo: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    (weights,) = (zoo / name).glob("*.caffemodel")
    model = load(zoo / name / "deploy.prototxt", weights)
    # Its rows are sorted by scores that float noise may swap.
    boxes = [one.name for one in model.network().layers if one.type == "DetectionOutput"]
    check(cut(model), tmp_path, frozenset(boxes))


def test_a_shuffle_keeps_its_order_by_cutting_groups_alike() -> None:
    for name in ("shuffle", "shuffle by reshape and permute"):
        group = channel_groups(with_random_weights(NETS[name]))[2 if name == "shuffle" else 1]
        assert group.channels == 4
