"""Thinned layers: channels and neurons cut out, and the layers that read them made to fit.

Which to keep is the planner's choice (`netsurgery.criteria`); this method carries it out, in all
layers that go together (`netsurgery.network.channels`). Lu et al. 2017 initialise thin networks so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, ClassVar, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import Blob
from netsurgery.layers import Product
from netsurgery.linalg import relative_distance
from netsurgery.methods.base import Arrays, Method
from netsurgery.methods.constants import fold_constants
from netsurgery.methods.exchange import Context, Edit, Origin, Rewrite
from netsurgery.methods.reconstruction import COMPENSATIONS, compensate
from netsurgery.methods.registry import METHODS
from netsurgery.network import (
    ChannelGroup,
    GroupCut,
    Model,
    SetBlobs,
    Thinning,
    Value,
    channel_groups,
    put_back,
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
        return next(self.rewrites(model, [edit], context))

    def rewrites(self, model: Model, edits: Sequence[Edit], context: Context) -> Iterator[Rewrite]:
        """Yield what each cut leaves, as long as the groups of channels stay what they were.

        Where something stands in for what goes, that looks at the net just before: it is alone.

        Raises:
            PlanError: As `rewrite`.
        """
        groups = channel_groups(model)
        thinning = Thinning(model, groups)
        first, *others = edits
        kind = _compensation(first)
        before = _blobs_of(thinning, first)
        cut = thinning.cut(first.layer, _kept(first))
        if kind != "none":
            yield self._made_up_for(model, groups, thinning.model, cut, first, context)
            return
        yield _rewrite(first, cut, before)
        for edit in others:
            alone = _compensation(edit) != "none" or not thinning.is_whole(edit.layer)
            if alone or not cut.settled:
                return
            before = _blobs_of(thinning, edit)
            cut = thinning.cut(edit.layer, _kept(edit))
            yield _rewrite(edit, cut, before)

    def _made_up_for(
        self,
        model: Model,
        groups: Sequence[ChannelGroup],
        thinned: Model,
        cut: GroupCut,
        edit: Edit,
        context: Context,
    ) -> Rewrite:
        """A cut for which the layers that read the group's channels make up."""
        keep, kind = _kept(edit), _compensation(edit)
        if kind == "constants":
            folded = fold_constants(model, groups, cut.group, keep)
            thinned = thin_model(folded, groups, {edit.layer: keep})
        else:
            calibrator = context.require_calibrator(edit)
            try:
                thinned = compensate(model, thinned, cut.group, keep, kind, calibrator)
            except ValueError as error:
                raise PlanError(str(error), file=model.prototxt.file, layer=edit.layer) from None
        assert thinned.weights is not None
        blobs = (SetBlobs(one.layer, thinned.weights.find(one.layer)) for one in cut.blobs)
        exact = kind == "constants" and not cut.group.approximate
        made = _rewrite(edit, cut._replace(blobs=tuple(blobs)), model.blobs)
        return replace(made, exact=exact, unmoved=())

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return blobs of the full size that read nothing of what was cut out."""
        keep = {rewrite.edit.layer: _kept(rewrite.edit)}
        small = {name: arrays for name, (arrays,) in pieces.items()}
        return put_back(model.blobs, [rewrite.found], keep, small)


BlobsOf = Callable[[str], Sequence[Blob]]


def _blobs_of(thinning: Thinning, edit: Edit) -> BlobsOf:
    """The blobs that a cut will find, to be asked for once it is made."""
    names = {cut.layer.name for cut in thinning.group(edit.layer).members}
    return {name: thinning.blobs(name) for name in names}.__getitem__


def _rewrite(edit: Edit, cut: GroupCut, before: BlobsOf) -> Rewrite:
    """The rewrite that a cut amounts to; ``before`` returns the blobs just before it."""
    group, keep = cut.group, _kept(edit)
    names = dict.fromkeys(member.layer.name for member in group.members)
    small = {one.layer: [one.by[-1].blobs[0].array()] for one in cut.blobs if one.by[-1].blobs}
    whole = put_back(before, [group], {edit.layer: keep}, small)
    return Rewrite(
        edit,
        (*cut.fields, *cut.blobs),
        {name: (name,) for name in names},
        f"{len(keep)} of {group.channels} channels",
        {name: relative_distance(before(name)[0].array(), whole[name][0]) for name in small},
        kept_origins(group, keep),
        group.approximate,
        group,
        unmoved=tuple(small),
    )


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
