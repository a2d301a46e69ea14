"""Truncated SVD of a convolution along its outputs: k x k with few outputs, then 1 x 1.

Zhang et al. 2015. The first layer has the original's window and makes ``rank`` channels; the
second makes its outputs of them and has its bias. Plain, the pair is the best for the weights
(Eckart and Young 1936); fitted to data, it is the best for what the layer makes of calibration
inputs: the principal components of its outputs, with their mean in the bias.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsurgery.layers import layer_type
from netsurgery.linalg import KernelChain
from netsurgery.methods.chain import ChainTask, Found
from netsurgery.methods.convolution import ConvolutionChain
from netsurgery.methods.fits import FITS, NONE
from netsurgery.methods.registry import METHODS


@METHODS.register("channel_svd")
class ChannelSVD(ConvolutionChain):
    """Replace a convolution by one with fewer outputs and a 1 x 1 convolution.

    ``rank`` is the number of channels in between. ``fit`` says for what the pair is best, see
    `netsurgery.methods.fits.FITS`.
    """

    name: ClassVar[str] = "channel_svd"
    options: ClassVar[tuple] = ("rank", "split", "fit", "suffixes", "templates")
    template: ClassVar[str] = "channel_convolution"
    chain: ClassVar[KernelChain] = KernelChain(2, 0, 0)

    def factor(self, task: ChainTask) -> Found:
        """Factor the kernel of every group."""
        if task.option("fit", FITS) == NONE:
            return super().factor(task)
        from netsurgery.linalg import SPLITS, join_groups
        from netsurgery.methods.fitting import fit_outputs, joined_bias

        parts = np.split(
            task.weights, layer_type(task.layer.type).groups(task.layer.parameter.convolution_param)
        )
        matrices = [part.reshape(len(part), -1) for part in parts]
        fits = fit_outputs(task, matrices, task.option("split", SPLITS))
        firsts = [fit.right.reshape(-1, *task.weights.shape[1:]) for fit in fits]
        pairs = [
            ((self.chain.unfold(first), fit.left), fit.error) for first, fit in zip(firsts, fits)
        ]
        found = join_groups(parts, self.chain, pairs)
        return Found(found.kernels, found.error, joined_bias(fits))
