"""Small models in folders, as people leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import Blob, LayerWeights, Weights

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }\n'
DATA = 'layer { name: "data" type: "Data" top: "data" top: "label" data_param { source: "x" } }\n'
RELU = 'layer { name: "relu" type: "ReLU" bottom: "fc1" top: "fc1" }\n'
SIGMOID = 'layer { name: "sigmoid" type: "Sigmoid" bottom: "fc1" top: "fc1" }\n'
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc2" bottom: "label" top: "loss" }\n'
SOLVER = 'net: "train_val.prototxt"\nbase_lr: 0.01\n'


def product(name: str, outputs: int, bottom: str) -> str:
    """A layer."""
    parameter = f"inner_product_param {{ num_output: {outputs} }}"
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
        f"{parameter} }}\n"
    )


def net(hidden: int = 8, middle: str = RELU, head: str = INPUT, tail: str = "") -> str:
    """A net of two products, and what stands between, in front and behind."""
    return head + product("fc1", hidden, "data") + middle + product("fc2", 3, "fc1") + tail


def weights(
    hidden: int = 8, middle: Optional[Tuple[str, str]] = ("relu", "ReLU"), seed: int = 0
) -> Weights:
    """The weights of that net, as Caffe saves them: with the layers that have none."""
    random = np.random.default_rng(seed)
    shapes: Dict[str, Sequence[Tuple[int, ...]]] = {
        "fc1": ((hidden, 4), (hidden,)),
        "fc2": ((3, hidden), (3,)),
    }
    layers = [
        LayerWeights(
            name,
            "InnerProduct",
            tuple(Blob.of(random.normal(size=shape).astype(np.float32)) for shape in blobs),
        )
        for name, blobs in shapes.items()
    ]
    if middle:
        layers.insert(1, LayerWeights(*middle, ()))
    return Weights.of(layers)


def write(folder: Path, files: Dict[str, object]) -> Path:
    """Write texts, bytes and weights under their names."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Weights):
            content.write(path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(str(content), encoding="utf-8")
    return folder
