"""Thinned layers: channels and neurons cut out, and the layers that read them made to fit.

Which to keep is the planner's choice (`netsurgery.criteria`); this method carries it out, in all
layers that go together (`netsurgery.network.channels`). Lu et al. 2017 initialise thin networks so.
"""

from __future__ import annotations

from typing import ClassVar, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.layers import Product
from netsurgery.linalg import relative_distance
from netsurgery.methods.base import Arrays, Context, Edit, Method, Origin, Rewrite
from netsurgery.methods.constants import fold_constants
from netsurgery.methods.reconstruction import COMPENSATIONS, compensate
from netsurgery.methods.registry import METHODS
from netsurgery.network import (
    ChannelGroup,
    Model,
    SetBlobs,
    Value,
    channel_groups,
    put_back,
    thin_edits,
    thin_model,
)


@METHODS.register("thin")
class Thin(Method):
    """Cut channels out of a layer, and of all layers that must lose them with it.

    Options of an edit: ``keep``, the numbers of the channels that stay; ``compensate``, how the
    kept channels stand in for the others in the layers that read them: ``"none"``, ``"channels"``
    (every channel from the kept ones; He et al. 2017, Chee et al. 2022) or ``"patches"`` (all that
    a window holds, which is never worse); both look at the net as it is before the edit. With
    ``"constants"`` none stands in: only dead channels may go, and biases take what they added.
    """

    name: ClassVar[str] = "thin"
    cause: ClassVar[str] = "the channels that went"
    products: ClassVar[Tuple[Product, ...]] = ()
    options: ClassVar[tuple] = ("keep", "compensate")

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return what is left of all layers that lose something.

        Raises:
            PlanError: There is no such group of channels, or the choice cannot be carried out.
        """
        groups = channel_groups(model)
        keep = {edit.layer: _kept(edit)}
        thinned = thin_model(model, groups, keep)
        group = next(group for group in groups if group.name == edit.layer)
        names = list(dict.fromkeys(cut.layer.name for cut in group.members))
        kind = _compensation(edit)
        if kind == "constants":
            folded = fold_constants(model, groups, group, keep[edit.layer])
            thinned = thin_model(folded, groups, keep)
        elif kind != "none":
            calibrator = context.require_calibrator(edit)
            try:
                thinned = compensate(model, thinned, group, keep[edit.layer], kind, calibrator)
            except ValueError as error:
                raise PlanError(str(error), file=model.prototxt.file, layer=edit.layer) from None
        assert thinned.weights is not None
        small = {
            name: [blob.array() for blob in thinned.blobs(name)]
            for name in names
            if thinned.blobs(name)
        }
        whole = put_back(model, [group], keep, small)
        return Rewrite(
            edit,
            (
                *thin_edits(model, groups, keep),
                *(
                    SetBlobs(name, thinned.weights.find(name))
                    for name in names
                    if name in thinned.weights
                ),
            ),
            {name: (name,) for name in names},
            f"{len(keep[edit.layer])} of {group.channels} channels",
            {
                name: relative_distance(model.blobs(name)[0].array(), whole[name][0])
                for name in small
            },
            kept_origins(group, keep[edit.layer]),
            group.approximate,
            group,
            exact=kind == "constants" and not group.approximate,
            unmoved=tuple(small) if kind == "none" else (),
        )

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return blobs of the full size that read nothing of what was cut out."""
        keep = {rewrite.edit.layer: _kept(rewrite.edit)}
        small = {name: arrays for name, (arrays,) in pieces.items()}
        return put_back(model, [rewrite.found], keep, small)


def _kept(edit: Edit) -> List[int]:
    keep = edit.options.get("keep")
    if not isinstance(keep, (list, tuple)) or any(not isinstance(item, int) for item in keep):
        raise PlanError(
            f"keep {keep!r} is not a list of channels",
            layer=edit.layer,
            remedy="`netsurgery thin` chooses them",
        )
    return sorted(set(keep))


def _compensation(edit: Edit) -> str:
    kind = edit.options.get("compensate", "none")
    if kind not in COMPENSATIONS:
        raise PlanError(
            f"compensate {kind!r} is not one of {', '.join(COMPENSATIONS)}", layer=edit.layer
        )
    return str(kind)


def kept_origins(group: ChannelGroup, keep: Sequence[int]) -> Dict[Value, Origin]:
    """Return where the values that lose channels stood in the net before."""
    stays = np.isin(np.arange(-1, group.channels), [-1, *keep])  # -1, of other groups, comes first
    return {
        cut.value: Origin(cut.value, cut.axis, np.flatnonzero(stays[cut.channels + 1]))
        for cut in group.values
    }
