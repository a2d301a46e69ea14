"""A convolution as k x 1, 1 x k and 1 x 1, each between few channels.

The three layers of Zhang et al. 2015 ("asymmetric 3d"): the window is split as in `spatial_svd`,
and the second half makes few channels, of which the third layer makes the original's outputs, with
its bias. Both splits are found together: it is a Tucker-2 decomposition of the kernel as an array
over outputs, width, and inputs with height.
"""

from __future__ import annotations

from typing import ClassVar

from netsurgery.linalg import KernelChain
from netsurgery.methods.convolution import ConvolutionChain
from netsurgery.methods.registry import METHODS


@METHODS.register("spatial_channel_svd")
class SpatialChannelSVD(ConvolutionChain):
    """Replace a convolution by one over the height, one over the width and a 1 x 1.

    ``rank`` is a list of two: the channels that the first layer makes, and the second.
    """

    name: ClassVar[str] = "spatial_channel_svd"
    options: ClassVar[tuple] = ("rank", "suffixes", "templates")
    length: ClassVar[int] = 3
    template: ClassVar[str] = "separable_channel_convolution"
    chain: ClassVar[KernelChain] = KernelChain(3, 0, 1)
