"""Masks of pruned weights: a rewrite carries them along, or is refused."""

from __future__ import annotations

from netsurgery.errors import PlanError
from netsurgery.methods import Rewrite
from netsurgery.network import Model

_REMEDY = (
    "leave the layer out of the plan, or take its masks off: move the file of masks away from "
    "beside the weights, or Blob.with_mask(None)"
)


def require_masks(model: Model, rewrite: Rewrite) -> None:
    """See that a rewrite keeps the masks of the blobs that it sets, and the zeros under them.

    Raises:
        PlanError: It does not.
    """
    for name, layers in rewrite.weights.items():
        old = model.blobs(name)
        if all(blob.mask is None for blob in old):
            continue
        new = next((layer.blobs for layer in reversed(layers) if layer.name == name), ())
        for index, blob in enumerate(old):
            if blob.mask is None:
                continue
            problem = ""
            if index >= len(new) or new[index].mask is None:
                problem = f"blob {index} is masked, and {rewrite.edit.method} would lose the mask"
            elif new[index].count_unmasked() and not blob.count_unmasked():
                problem = (
                    f"{rewrite.edit.method} would fill numbers of blob {index} that its mask holds "
                    "at zero"
                )
            if problem:
                raise PlanError(problem, layer=name, remedy=_REMEDY)
