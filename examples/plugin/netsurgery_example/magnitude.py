"""Magnitude pruning: the smallest weights of a layer become zero (Han et al. 2015)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.layers import Product
from netsurgery.methods import METHODS, Arrays, Context, Edit, Method, Rewrite
from netsurgery.network import Model, SetBlobs


@METHODS.register("magnitude")
class Magnitude(Method):
    """Set the smallest weights of a layer to zero, and hold them there by a mask.

    Options of an edit: ``share``, how many of the weights become zero, from 0 to 1.
    """

    name: ClassVar[str] = "magnitude"
    cause: ClassVar[str] = "the weights that went"
    products: ClassVar[Tuple[Product, ...]] = tuple(Product)
    options: ClassVar[tuple] = ("share",)

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the layer with zeros among its weights.

        Raises:
            PlanError: It has no weights, or the share is none.
        """
        blobs = model.blobs(edit.layer)
        share = edit.options.get("share")
        if not blobs or all(
            not self.takes(one.layer_type) for one in model.network().find(edit.layer)
        ):
            raise PlanError("has no weights to prune", layer=edit.layer)
        if not isinstance(share, (int, float)) or not 0 <= share < 1:
            raise PlanError(f"share {share!r} is not from 0 to 1", layer=edit.layer)
        weights = blobs[0].array()
        order = np.argsort(np.abs(weights), axis=None, kind="stable")
        mask = np.ones(weights.size, bool)
        mask[order[: round(share * weights.size)]] = False
        pruned = blobs[0].with_mask(mask.reshape(weights.shape)).masked()
        lost = np.linalg.norm(weights - pruned.array()) / np.linalg.norm(weights)
        assert model.weights is not None
        layer = replace(model.weights.find(edit.layer)[-1], blobs=(pruned, *blobs[1:]))
        return Rewrite(
            edit,
            edits=[SetBlobs(edit.layer, (layer,))],
            pieces={edit.layer: (edit.layer,)},
            result=f"{np.count_nonzero(mask)} of {mask.size} weights",
            errors={edit.layer: float(lost)},
            unmoved=(edit.layer,),
        )

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return the blobs as they are: the layer kept its shape."""
        return {name: arrays for name, (arrays,) in pieces.items()}
