"""The ``padding`` layers of V0 nets, which Caffe folds into the layer behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

from netsurgery.layers import layer_type

if TYPE_CHECKING:
    from netsurgery.formats import LayerText, Padding, Prototxt

PADDING = "padding"


def find_padding(prototxt: Prototxt) -> Dict[int, Padding]:
    """The layers that take over a padding layer, by index; none unless the net is V0.

    Raises:
        FormatError: The net pads what Caffe can not.
    """
    if prototxt.version != "V0":
        return {}
    from netsurgery.formats import fold_padding

    return fold_padding(prototxt.layers)


def padded(text: LayerText, padding: Padding) -> Any:
    """The layer's parameter with the pad it takes over."""
    from netsurgery.formats import parse_integer

    parameter = type(text.parameter)()
    parameter.CopyFrom(text.parameter)
    pad = parse_integer(padding.pad)
    layer_type(text.type).take_padding(parameter, pad)
    return parameter
