"""Truncated SVD of a convolution along its window: k x 1, then 1 x k.

Jaderberg et al. 2014 (scheme 2), in the closed form of Tai et al. 2016, which is the best there is:
the first layer runs over the height, to ``rank`` channels, with the original's stride, pad and
dilation down the image; the second runs over the width, with those across it, and has its outputs
and bias.
"""

from __future__ import annotations

from typing import ClassVar

from netsurgery.linalg import KernelChain
from netsurgery.methods.convolution import ConvolutionChain
from netsurgery.methods.registry import METHODS


@METHODS.register("spatial_svd")
class SpatialSVD(ConvolutionChain):
    """Replace a convolution by one over the height of its window and one over the width.

    ``rank`` is the number of channels in between.
    """

    name: ClassVar[str] = "spatial_svd"
    template: ClassVar[str] = "separable_convolution"
    chain: ClassVar[KernelChain] = KernelChain(2, 0, 1)
