"""Layers whose top has the shape of a bottom, and the blobs of those that have some."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from netsurgery.layers import NORMALISING, Shape, ShapeNode, blob_shapes, show
from netsurgery.network.shapes.base import parameters, rule
from netsurgery.network.shapes.spreading import spread_shape

NEURONS = (
    "BNLL",
    "Clip",
    "Dropout",
    "ELU",
    "Exp",
    "HardSigmoid",
    "HardSwish",
    "LayerNorm",
    "Log",
    "Mish",
    "NegReLU",
    "Power",
    "ReLU",
    "ReLU6",
    "Sigmoid",
    "SpatialDropout",
    "Swish",
    "TanH",
    "Threshold",
)


@rule(*NEURONS)
@rule("AbsVal", in_place=False)
def neuron(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    return [node.bottom]


@rule("PReLU")
def prelu(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    node.check(2 <= len(node.bottom) <= 4, f"needs 2 to 4 axes, has {show(node.bottom)}")
    return [node.bottom]


@parameters("PReLU")
def prelu_blobs(node: ShapeNode) -> Sequence[Shape]:
    """One slope a channel, or one for all."""
    return [() if node.parameter.prelu_param.channel_shared else (node.bottom[1],)]


@rule("Reverse")
def reverse(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    node.axis(node.parameter.reverse_param.axis)
    return [node.bottom]


@rule("Split", tops=(1, None))
def split(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom, for every top."""
    return [node.bottom] * node.tops


@rule("Silence", bottoms=(1, None), tops=0, partial=True)
@rule("HDF5Output", bottoms=2, tops=0, partial=True)
def nothing(node: ShapeNode) -> Sequence[Shape]:
    """No tops."""
    return []


@rule("Softmax")
def softmax(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    node.axis(node.parameter.softmax_param.axis)
    return [node.bottom]


@rule("LRN")
def lrn(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    param = node.parameter.lrn_param
    node.check(len(node.bottom) == 4, f"needs 4 axes, has {show(node.bottom)}")
    odd = param.local_size % 2 == 1
    node.check(odd, f"needs an odd local_size, has {param.local_size}")
    return [node.bottom]


@rule("MVN")
def mvn(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom, always with four axes."""
    return [node.four()]


@rule("Eltwise", bottoms=(2, None))
def eltwise(node: ShapeNode) -> Sequence[Shape]:
    """The shape that all bottoms have; or to which they spread, which the doctor tells."""
    param = node.parameter.eltwise_param
    spread = spread_shape(node.bottoms)
    for position, shape in enumerate(node.bottoms):
        blob = node.layer.bottoms[position].blob
        text = f"combines {show(node.bottom)} with {show(shape)} (bottom {blob!r})"
        node.check(spread or shape == node.bottom, text, _remedy_of(node.bottom, shape))
    coefficients = len(param.coeff)
    text = f"has {coefficients} coeff for {len(node.bottoms)} bottoms"
    node.check(coefficients in (0, len(node.bottoms)), text)
    product = param.operation == param.PROD
    node.check(not (product and coefficients), "has coeff, which operation PROD does not take")
    return [spread or node.bottom]


def _remedy_of(first: Shape, other: Optional[Shape]) -> Optional[str]:
    """Where one shape is how the other begins: that is what Scale and Bias take."""
    small, large = sorted((first, other or ()), key=len)
    if not small or large[: len(small)] != small:
        return None
    return "for PROD use Scale (axis: 0), for SUM Bias, with the smaller as second bottom"


@rule("BatchNorm", "MKLBatchNorm")
def batch_norm(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    node.check(len(node.bottom) >= 2, f"needs 2 axes or more, has {show(node.bottom)}")
    return [node.bottom]


@parameters(*NORMALISING)
def batch_norm_blobs(node: ShapeNode) -> Sequence[Shape]:
    """Mean and variance of every channel, the factor both are scaled by, or what forks have."""
    return blob_shapes(node.layer, node.bottom[1])


@rule("BN")
def bn(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    return [node.bottom]


@rule("Normalize")
def normalize(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    return [node.bottom]


@parameters("Normalize")
def normalize_blobs(node: ShapeNode) -> Sequence[Shape]:
    """One scale a channel, or one for all."""
    return [() if node.parameter.norm_param.channel_shared else (node.four()[1],)]


@rule("Scale", "Bias", bottoms=(1, 2))
def scale(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the first bottom."""
    operand = node.bottoms[1] if len(node.bottoms) > 1 else _operand(node)
    axis = node.axis(_affine(node).axis) if operand else 0
    covered = node.bottom[axis : axis + len(operand or ())]
    text = f"multiplies or adds {show(operand)} at axis {axis} of {show(node.bottom)}"
    node.check(covered == operand, text)
    return [node.bottom]


@parameters("Scale")
def scale_blobs(node: ShapeNode) -> Sequence[Shape]:
    """The factors, unless a second bottom brings them, and with bias_term the offsets."""
    given = node.bottoms[1] if len(node.bottoms) > 1 else None
    operand = _operand(node) if given is None else given
    own = [operand] if given is None else []
    return own + [operand] * node.parameter.scale_param.bias_term


@parameters("Bias")
def bias_blobs(node: ShapeNode) -> Sequence[Shape]:
    """The offsets, unless a second bottom brings them."""
    return [] if len(node.bottoms) > 1 else [_operand(node)]


def _affine(node: ShapeNode) -> Any:
    parameter = node.parameter
    return parameter.scale_param if node.layer.type == "Scale" else parameter.bias_param


def _operand(node: ShapeNode) -> Shape:
    """Shape of the blob a Scale or Bias layer owns: ``num_axes`` axes from ``axis`` on."""
    param = _affine(node)
    axis, axes = node.axis(param.axis), param.num_axes
    node.check(axes >= -1, f"has num_axes {axes}")
    if axes == -1:
        return node.bottom[axis:]
    text = f"has num_axes {axes} from axis {axis} on, but its bottom is {show(node.bottom)}"
    node.check(axis + axes <= len(node.bottom), text)
    return node.bottom[axis : axis + axes]


@rule("Axpy", bottoms=3)
def axpy(node: ShapeNode) -> Sequence[Shape]:
    """The shape of x in a x + y."""
    scale_shape, x, y = (shape or () for shape in node.bottoms)
    node.check(scale_shape[:2] == x[:2], f"scales {show(x)} by {show(scale_shape)}")
    node.check(x == y, f"adds {show(x)} and {show(y)}: shapes differ")
    return [x]


@rule("AdaptiveBiasChannel", "BiasChannel", "DenseCRF", "DomainTransform", bottoms=(1, None))
@rule("FlowWarp", "SpatialProduct", bottoms=2)
def like_the_first(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """The shape of the first bottom."""
    return [node.bottom]
