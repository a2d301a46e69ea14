"""Random nets of convolutions, one for each method that factors them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Tuple

import numpy as np
from hypothesis import strategies as st
from small_models import make_model

from netsurgery.engine import Engine
from netsurgery.methods import Edit, low_rank_method
from netsurgery.network.model import Model
from netsurgery.planning import Plan

METHODS = ("channel_svd", "input_svd", "spatial_svd", "tucker", "spatial_channel_svd")
PAIRS = METHODS[:3]


@st.composite
def convolution_nets(draw: st.DrawFn) -> Model:
    """A net in which every method has three convolutions of its own; all kinds of windows."""
    random = np.random.default_rng(draw(st.integers(0, 999)))
    version = draw(st.sampled_from(["V1", "V2"]))
    text, blobs = "", {}
    for number in range(3):
        groups, channels, outputs = (draw(st.integers(1, most)) for most in (3, 4, 4))
        inputs = [draw(st.integers(1, 2)), groups * channels, *(draw(st.integers(7, 11)),) * 2]
        inputs[3] = draw(st.integers(7, 11))
        dims = " ".join(f"dim: {size}" for size in inputs)
        text += f'input: "x{number}" input_shape {{ {dims} }}\n'
        window, kernel = draw(windows())
        biased = draw(st.booleans())
        fields = f"num_output: {groups * outputs} group: {groups} {window}"
        fields += "" if biased else " bias_term: false"
        for name in METHODS:
            text += convolution(f"{name}{number}", f"x{number}", fields, version)
            weights = random.normal(size=(groups * outputs, channels, *kernel))
            bias = random.normal(size=groups * outputs)
            blobs[f"{name}{number}"] = [weights, bias][: 1 + biased]
    return make_model(text, blobs, version)


@st.composite
def windows(draw: st.DrawFn) -> Tuple[str, Tuple[int, int]]:
    """The fields of a window, in one of their spellings, and its height and width."""
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    text = f"kernel_h: {kernel[0]} kernel_w: {kernel[1]}"
    if draw(st.booleans()):
        kernel = (kernel[0], kernel[0])
        text = f"kernel_size: {kernel[0]}"
    for name, low, high in (("stride", 1, 3), ("pad", 0, 2)):
        sizes = [draw(st.integers(low, high)) for _ in range(2)]
        spellings = ["", f"{name}: {sizes[0]}", f"{name}_h: {sizes[0]} {name}_w: {sizes[1]}"]
        text += " " + draw(st.sampled_from(spellings))
    dilations = [draw(st.integers(1, 2)) for _ in range(draw(st.integers(0, 2)))]
    return text + "".join(f" dilation: {size}" for size in dilations), kernel


def convolution(name: str, bottom: str, fields: str, version: str = "V2") -> str:
    """The text of a convolution whose top has its name."""
    layer, kind = ("layers", "CONVOLUTION") if version == "V1" else ("layer", '"Convolution"')
    return (
        f'{layer} {{ name: "{name}" type: {kind} bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ {fields} }} }}\n"
    )


def small_net(fields: str, *weights: np.ndarray, size: Tuple[int, ...] = (2, 4, 9, 8)) -> Model:
    """One convolution, ``conv``, of an input ``x``."""
    dims = " ".join(f"dim: {length}" for length in size)
    text = f'input: "x" input_shape {{ {dims} }}\n' + convolution("conv", "x", fields)
    return make_model(text, {"conv": list(weights)})


def method_of(name: str) -> str:
    """The method whose convolution a layer of `convolution_nets` is."""
    return name.rstrip("0123456789")


def every_layer(model: Model, share: float, random: Optional[np.random.Generator] = None) -> Plan:
    """Every convolution by its own method, at a share of its full ranks or at random ones."""
    edits: List[Edit] = []
    for layer in model.prototxt.layers:
        method = low_rank_method(method_of(layer.name))
        costs = method.tradeoff(model, layer.name)
        ranks = costs.share(share)
        if random is not None:
            ranks = tuple(int(random.integers(1, full + 1)) for full in costs.full)
        edits.append(Edit(layer.name, method.name, method.options_for(ranks)))
    return Plan(tuple(edits))


def run(model: Model, folder: Path, caffe: Engine) -> Dict[str, np.ndarray]:
    """What real Caffe makes of random inputs, always the same."""
    random = np.random.default_rng(7)
    paths = model.save(folder / "deploy.prototxt", folder / "net.caffemodel")
    with caffe.open(*paths) as session:
        given = {name: random.normal(size=shape) for name, shape in session.inputs.items()}
        return session.forward(given)


def furthest(one: Dict[str, np.ndarray], other: Dict[str, np.ndarray]) -> float:
    """The largest difference of two sets of outputs, relative to the largest number of each."""
    assert one.keys() == other.keys()
    return max(np.abs(one[name] - other[name]).max() / np.abs(one[name]).max() for name in one)
