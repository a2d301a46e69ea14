"""Layer types of forks that compute what a type of stock Caffe does, under another name."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Optional, Tuple

CONVOLUTION = "Convolution"

# These ignore `group`: every channel is convolved with kernels of its own.
DEPTHWISE = frozenset({"ConvolutionDepthWise", "ConvolutionDepthwise"})

_TWINS: Dict[str, str] = {
    **dict.fromkeys(DEPTHWISE, CONVOLUTION),
    "DepthwiseConvolution": CONVOLUTION,
    "MKLConcat": "Concat",
    "MKLConvolution": CONVOLUTION,
    "MKLEltwise": "Eltwise",
    "MKLLRN": "LRN",
    "MKLPooling": "Pooling",
    "MKLReLU": "ReLU",
    "MKLSplit": "Split",
}


def stock_type(layer_type: str) -> str:
    """Return the stock type that computes what ``layer_type`` does; itself, where none does."""
    return _TWINS.get(layer_type, layer_type)


def names_of(stock: str) -> Tuple[str, ...]:
    """Return all names of a stock type, its own first."""
    return (stock, *(name for name, same in _TWINS.items() if same == stock))


def with_twins(types: Iterable[str]) -> Tuple[str, ...]:
    """Return some types and all other names of those that are stock's."""
    return tuple(name for one in types for name in names_of(one))


def groups_of(layer_type: str, parameter: Any, channels: Optional[int] = None) -> int:
    """Return into how many groups a convolution divides its channels.

    Args:
        layer_type: Its type.
        parameter: Its ``ConvolutionParameter``.
        channels: How many channels it reads; as many as it makes, if not given.
    """
    if layer_type not in DEPTHWISE:
        return int(parameter.group)
    return int(parameter.num_output) if channels is None else channels
