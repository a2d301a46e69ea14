"""Tucker decomposition of a convolution: 1 x 1, k x k between few channels, 1 x 1.

Kim et al. 2016. The first layer mixes the input channels into few, the second has the original's
window, the third makes its outputs and has its bias.
"""

from __future__ import annotations

from typing import ClassVar

from netsurgery.linalg import KernelChain
from netsurgery.methods.convolution import ConvolutionChain
from netsurgery.methods.registry import METHODS


@METHODS.register("tucker")
class Tucker(ConvolutionChain):
    """Replace a convolution by one between fewer channels, with a 1 x 1 before and behind it.

    ``rank`` is a list of two: the channels that the first layer makes, and the second.
    """

    name: ClassVar[str] = "tucker"
    options: ClassVar[tuple] = ("rank", "suffixes", "templates")
    length: ClassVar[int] = 3
    template: ClassVar[str] = "tucker_convolution"
    chain: ClassVar[KernelChain] = KernelChain(3, 1, 1)
