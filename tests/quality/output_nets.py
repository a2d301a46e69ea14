"""Small nets, as text, whose outputs are of all kinds."""

from __future__ import annotations

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network

DATA = 'layer { name: "d" type: "Input" top: "data" input_param { shape { %s } } }\n'


def network(layers: str, shape: tuple[int, ...] = (2, 3, 8, 8)) -> Network:
    """The net of an input and some layers."""
    dims = " ".join(f"dim: {size}" for size in shape)
    return Network.of(Prototxt.parse((DATA % dims + layers).encode()))


def layer(kind: str, bottom: str, top: str, more: str = "") -> str:
    """The text of a layer."""
    return f'layer {{ name: "{top}" type: "{kind}" bottom: "{bottom}" top: "{top}" {more} }}\n'


def dense(bottom: str, top: str, count: int) -> str:
    """An InnerProduct."""
    return layer("InnerProduct", bottom, top, f"inner_product_param {{ num_output: {count} }}")


def convolution(bottom: str, top: str, count: int) -> str:
    """A Convolution that keeps height and width."""
    more = f"convolution_param {{ num_output: {count} kernel_size: 3 pad: 1 }}"
    return layer("Convolution", bottom, top, more)
