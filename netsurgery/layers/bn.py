"""Batch normalisation and scaling at once, of SegNet, of Yjxiong's Caffe and of PSPNet.

SegNet's has a scale and a shift, and nothing else when it is used (bn_mode INFERENCE); that of
Yjxiong's and PSPNet's kin has those, then mean and variance.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.normalising import NormalisationBlobs, NormalisingLayer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape

_OF_YJXIONG = ("slope_filler", "bias_filler", "momentum", "eps", "frozen")
_OF_PSPNET = ("var_eps", "decay", "moving_average")
_SEGNET = NormalisationBlobs(scale=0, shift=1)
_YJXIONG = NormalisationBlobs(2, 3, None, 0, 1)


@register_layer
class BNLayer(NormalisingLayer):
    """Batch normalisation with a scale and a shift of its own."""

    name = "BN"
    fork = "SegNet"
    message = "bn_param"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        return [node.bottom]

    def blob_shape(self, node: ShapeNode) -> Shape:
        """(1, channels, 1, 1)."""
        return (1, node.bottom[1], 1, 1)

    def places(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """SegNet's or Yjxiong's, as its fields tell."""
        parameter = layer.parameter.bn_param
        if parameter.HasField("bn_mode"):
            return _SEGNET
        known = any(parameter.HasField(name) for name in (*_OF_YJXIONG, *_OF_PSPNET))
        return _YJXIONG if known else None

    def eps(self, layer: Layer) -> float:
        """As it is written; SegNet's adds none, as it divides by nothing."""
        if self.places(layer) == _SEGNET:
            return 0.0
        parameter = layer.parameter.bn_param
        return float(parameter.var_eps if parameter.HasField("var_eps") else parameter.eps)

    def why_not_frozen(self, layer: Layer) -> Optional[str]:
        """Where it takes, or may take, the statistics of the batch."""
        parameter, places = layer.parameter.bn_param, self.places(layer)
        if places is None:
            return (
                "forks have other layers of type BN, and it does not tell of which it is: it has "
                "no bn_mode, no eps"
            )
        if places == _SEGNET:
            learns = parameter.bn_mode != parameter.INFERENCE
            return "it normalises by the batch (bn_mode is not INFERENCE)" if learns else None
        if not any(parameter.HasField(name) for name in _OF_PSPNET):
            return None
        if not parameter.moving_average:
            return "it may normalise by the batch (moving_average: true is not written)"
        return None if parameter.HasField("var_eps") else "its var_eps is not written"

    def gathers_statistics(self, layer: Layer) -> bool:
        """SegNet's and Yjxiong's unless they say that they are frozen."""
        parameter, places = layer.parameter.bn_param, self.places(layer)
        if places == _SEGNET:
            return bool(parameter.bn_mode != parameter.INFERENCE)
        return not parameter.frozen

    def freezing_fields(self, layer: Layer) -> Optional[Dict[str, Any]]:
        """What each of the forks calls it, where it is known which it is."""
        places = self.places(layer)
        if places is None:
            return None
        return {"bn_param.bn_mode": "INFERENCE"} if places == _SEGNET else {"bn_param.frozen": True}

    def stock_words(self, layer: Layer) -> Tuple[str, ...]:
        """A Scale, behind a BatchNorm where it normalises."""
        places = self.places(layer)
        if places is None or self.why_not_frozen(layer):
            return ()
        return ("Scale",) if places.mean is None else ("BatchNorm", "Scale")
