"""One net in every size: layers in place, residual blocks, a fan-out, and a Concat of its ends."""

from __future__ import annotations

from typing import Sequence, Union

import numpy as np
from small_models import make_model

from netsurgery.network.model import Model
from netsurgery.network.parameters import blob_shapes


def layer(name: str, kind: str, bottoms: Sequence[str], top: str, body: str = "") -> str:
    read = " ".join(f'bottom: "{bottom}"' for bottom in bottoms)
    return f'layer {{ name: "{name}" type: "{kind}" {read} top: "{top}" {body} }}\n'


def convolution(name: str, bottom: str, outputs: Union[int, str] = 2) -> str:
    body = f"convolution_param {{ num_output: {outputs} kernel_size: 1 }}"
    return layer(name, "Convolution", [bottom], name, body)


def growing_text(blocks: int) -> str:
    """A net of eight layers a block, and five more."""
    text = 'input: "data" input_shape { dim: 1 dim: 2 dim: 4 dim: 4 }\n'
    text += convolution("first", "data") + convolution("fan", "data")
    value, ends = "first", []
    for block in range(blocks):
        conv, branch, total = f"conv{block}", f"branch{block}", f"sum{block}"
        text += convolution(conv, value)
        text += layer(f"relu{block}", "ReLU", [conv], conv)
        text += layer(f"again{block}", "ReLU", [conv], conv)
        text += layer(f"norm{block}", "BatchNorm", [conv], f"norm{block}")
        text += layer(total, "Eltwise", [value, f"norm{block}"], total)
        text += convolution(branch, "fan", 1)
        text += layer(f"pool{block}", "Pooling", [branch], f"pool{block}", POOL)
        text += layer(f"own{block}", "Sigmoid", [f"pool{block}"], f"own{block}")
        value = total
        ends.append(f"own{block}")
    text += layer("ends", "Concat", ends, "ends") + convolution("joined", "ends")
    return text + layer(
        "out", "InnerProduct", [value], "out", "inner_product_param { num_output: 3 }"
    )


PRODUCT = "inner_product_param { num_output: 3 }"
POOL = "pooling_param { kernel_size: 2 stride: 2 }"


def growing_model(blocks: int, seed: int = 1) -> Model:
    """The net with random weights."""
    text, random = growing_text(blocks), np.random.default_rng(seed)
    shapes = blob_shapes(make_model(text, {}).network())
    blobs = {
        name: [np.abs(random.normal(size=shape)) for shape in own]
        for name, own in shapes.items()
        if own
    }
    return make_model(text, blobs)
