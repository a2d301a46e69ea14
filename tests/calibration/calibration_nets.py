"""Nets that the tests of this room build."""

from __future__ import annotations

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network


def network(text: str) -> Network:
    return Network.of(Prototxt.parse(text.encode()))


def declared(name: str, *shape: int) -> str:
    """An ``Input`` layer."""
    dims = " ".join(f"dim: {size}" for size in shape)
    return (
        f'layer {{ name: "{name}" type: "Input" top: "{name}"'
        f" input_param {{ shape {{ {dims} }} }} }}\n"
    )


def layer(kind: str, bottoms: str, top: str, parameters: str = "") -> str:
    """A layer named after its top."""
    reads = " ".join(f'bottom: "{bottom}"' for bottom in bottoms.split())
    return f'layer {{ name: "{top}" type: "{kind}" {reads} top: "{top}" {parameters} }}\n'


CLASSIFIER = declared("data", 1, 3, 8, 8) + layer(
    "InnerProduct", "data", "fc", "inner_product_param { num_output: 4 }"
)

FAST_RCNN = (
    declared("data", 1, 3, 60, 80)
    + declared("rois", 1, 5)
    + layer(
        "ROIPooling",
        "data rois",
        "pool",
        "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 1 }",
    )
)

CAPTIONER = (
    declared("cont", 5, 2)
    + declared("words", 5, 2)
    + layer(
        "Embed", "words", "embedded", "embed_param { input_dim: 11 num_output: 6 bias_term: false }"
    )
    + layer("LSTM", "embedded cont", "lstm", "recurrent_param { num_output: 4 }")
)

SMALL = "convolution_param { num_output: 4 kernel_size: 3 pad: 1 }"
BRANCHING = (
    declared("x", 2, 3, 7, 7)
    + layer("Convolution", "x", "a", "convolution_param { num_output: 8 kernel_size: 3 }")
    + 'layer { name: "r" type: "ReLU" bottom: "a" top: "a" }\n'
    + layer("Convolution", "a", "b", SMALL)
    + layer("Convolution", "a", "c", SMALL)
    + layer("Eltwise", "b c", "sum")
    + layer("InnerProduct", "sum", "d", "inner_product_param { num_output: 3 }")
)
"""A convolution that two others read, whose sum an InnerProduct reads."""
