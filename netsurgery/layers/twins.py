"""Layer types of forks that compute what a type of stock Caffe does, under another name."""

from __future__ import annotations

from typing import Any, Iterable, Optional, Tuple

from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.depthwise_convolution import DepthwiseConvolutionLayer
from netsurgery.layers.registry import layer_type, layer_types

CONVOLUTION = "Convolution"

# These ignore `group`: every channel is convolved with kernels of its own.
DEPTHWISE = frozenset({DepthwiseConvolutionLayer.name, *DepthwiseConvolutionLayer.aliases})


def stock_type(name: str) -> str:
    """Return the stock type that computes what a type does; itself, where none does."""
    return layer_type(name).stock_name


def names_of(stock: str) -> Tuple[str, ...]:
    """Return all names of a stock type, its own first."""
    known = layer_types().items()
    others = (name for name, one in known if one.stock_name == stock != name)
    return (stock, *others)


def with_twins(types: Iterable[str]) -> Tuple[str, ...]:
    """Return some types and all other names of those that are stock's."""
    return tuple(name for one in types for name in names_of(one))


def groups_of(name: str, parameter: Any, channels: Optional[int] = None) -> int:
    """Return into how many groups a convolution divides its channels.

    Args:
        name: Its type.
        parameter: Its ``ConvolutionParameter``.
        channels: How many channels it reads; as many as it makes, if not given.
    """
    kind = layer_type(name)
    assert isinstance(kind, BaseConvolutionLayer), name
    return kind.groups(parameter, channels)
