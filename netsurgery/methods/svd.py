"""Truncated SVD of InnerProduct layers: one big layer becomes two thin ones.

``W (outputs x inputs) = U diag(s) V^T``, cut after ``rank`` terms, is stored as a first layer
of ``rank`` outputs without bias and a second one with the original's outputs and bias. From
Xue et al. 2013 (restructuring of acoustic models); for detectors Girshick 2015, Fast R-CNN,
section 3.1, whose ``compress_net.py`` gave the layers their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from netsurgery.linalg import Energies, lost_energy, singular_values
from netsurgery.methods.chain import Found
from netsurgery.methods.inner_product import InnerProductPair
from netsurgery.methods.registry import METHODS

if TYPE_CHECKING:
    from netsurgery.formats import LayerText
    from netsurgery.methods.chain import ChainTask


@METHODS.register("svd")
class TruncatedSVD(InnerProductPair):
    """Replace an InnerProduct layer by a pair of them around its leading singular vectors.

    Options of an edit: ``rank``; ``split``, ``"first"`` (the first layer takes the singular
    values, as compress_net.py does) or ``"sqrt"`` (half and half); ``fit``, for what the pair is
    best (see `netsurgery.methods.fits.FITS`); ``suffixes``, the endings of the two names;
    ``templates``, a folder whose ``inner_product_pair.prototxt`` is used.
    """

    name: ClassVar[str] = "svd"
    options: ClassVar[tuple] = ("rank", "split", "fit", "suffixes", "templates")

    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return the singular values, and the tails that ranks lose."""
        values = singular_values(weights)
        return Energies((values,), lost_energy(values)[1:])

    def factor(self, task: ChainTask) -> Found:
        """Factor the matrix."""
        from netsurgery.linalg import SPLITS, truncated_svd
        from netsurgery.methods.fits import FITS, NONE

        split = task.option("split", SPLITS)
        if task.option("fit", FITS) != NONE:
            from netsurgery.methods.fitting import fit_outputs

            (fit,) = fit_outputs(task, [task.weights], split)
            return Found((fit.right, fit.left), fit.error, fit.bias)
        pair = truncated_svd(task.weights, task.ranks[0], split)
        return Found((pair.right, pair.left), pair.error)
