"""Truncated SVD of a convolution along its inputs: 1 x 1 to few channels, then k x k.

The first layer mixes the input channels into ``rank`` of them, at the resolution of the input; the
second has the original's window, outputs and bias. The best such pair: Eckart and Young 1936.
"""

from __future__ import annotations

from typing import ClassVar

from netsurgery.linalg import KernelChain
from netsurgery.methods.convolution import ConvolutionChain
from netsurgery.methods.registry import METHODS


@METHODS.register("input_svd")
class InputSVD(ConvolutionChain):
    """Replace a convolution by a 1 x 1 convolution to few channels and one over the window.

    ``rank`` is the number of channels in between.
    """

    name: ClassVar[str] = "input_svd"
    template: ClassVar[str] = "input_convolution"
    chain: ClassVar[KernelChain] = KernelChain(2, 1, 1)
