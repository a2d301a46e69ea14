"""Layers that multiply by a matrix: InnerProduct and Embed."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers import Shape, ShapeNode, count
from netsurgery.network.shapes.base import parameters, rule


@rule("CInnerProduct", "FcRistretto", "InnerProduct")
def inner_product(node: ShapeNode) -> Sequence[Shape]:
    """(axes before `axis`, num_output)."""
    param = node.parameter.inner_product_param
    node.check(param.num_output > 0, "has no num_output, or a num_output of 0")
    return [(*node.bottom[: node.axis(param.axis)], param.num_output)]


@parameters("FcRistretto", "InnerProduct")
def inner_product_blobs(node: ShapeNode) -> Sequence[Shape]:
    """(num_output, inputs), the other way round with transpose; and (num_output)."""
    param = node.parameter.inner_product_param
    inputs = count(node.bottom[node.axis(param.axis) :])
    matrix = (param.num_output, inputs)
    bias = [(param.num_output,)] if param.bias_term else []
    return [matrix[::-1] if param.transpose else matrix, *bias]


@rule("Embed")
def embed(node: ShapeNode) -> Sequence[Shape]:
    """(the bottom's axes, num_output)."""
    param = node.parameter.embed_param
    node.check(param.num_output > 0, "has no num_output, or a num_output of 0")
    node.check(param.input_dim > 0, "has no input_dim, or an input_dim of 0")
    return [(*node.bottom, param.num_output)]


@parameters("Embed")
def embed_blobs(node: ShapeNode) -> Sequence[Shape]:
    """(input_dim, num_output) and, with bias_term, (num_output)."""
    param = node.parameter.embed_param
    bias = [(param.num_output,)] if param.bias_term else []
    return [(param.input_dim, param.num_output), *bias]
