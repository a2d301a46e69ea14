"""The ``padding`` layers of V0 nets, which Caffe folds into the layer behind them."""

from __future__ import annotations

from typing import Any, Dict

from netsurgery.formats import LayerText, Padding, Prototxt, fold_padding, parse_integer
from netsurgery.layers import layer_type

PADDING = "padding"


def find_padding(prototxt: Prototxt) -> Dict[int, Padding]:
    """The layers that take over a padding layer, by index; none unless the net is V0.

    Raises:
        FormatError: The net pads what Caffe can not.
    """
    return fold_padding(prototxt.layers) if prototxt.version == "V0" else {}


def padded(text: LayerText, padding: Padding) -> Any:
    """The layer's parameter with the pad it takes over."""
    parameter = type(text.parameter)()
    parameter.CopyFrom(text.parameter)
    pad = parse_integer(padding.pad)
    layer_type(text.type).take_padding(parameter, pad)
    return parameter
