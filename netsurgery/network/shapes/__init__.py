"""Shape inference: what Caffe's ``Reshape`` would answer, without building the network."""

from __future__ import annotations

from netsurgery.network.shapes import (  # noqa: F401
    convolution,
    detection,
    elementwise,
    pooling,
    products,
    recurrent,
    reshaping,
    scoring,
    sources,
)
from netsurgery.network.shapes.base import PARAMETERS, RULES
from netsurgery.network.shapes.inference import infer_shapes, parameter_shapes, trace_shapes

__all__ = ["PARAMETERS", "RULES", "infer_shapes", "parameter_shapes", "trace_shapes"]
