"""What matrix tri-factorisation of all layers at once says of each weight.

The weights of a layer relate the units that it makes to those that it reads. Groups of units that
are common to the layer that makes them and those that read them, and how groups depend on groups,
tell each weight what it should be: What. The weights that stay are what they were; What only says
which these are.
"""

from __future__ import annotations

from math import prod
from typing import ClassVar, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.criteria import WEIGHTS
from netsurgery.errors import PlanError
from netsurgery.layers import Product
from netsurgery.linalg import FactoredRelation, tri_factorise, units_as_taps
from netsurgery.network import (
    ChannelRelation,
    Model,
    ParameterKey,
    canonical_weights,
    channel_groups,
    channel_relations,
    is_scalable,
    with_masks,
)
from netsurgery.progress import Progress
from netsurgery.saliency.base import PrunableNet, Saliency
from netsurgery.saliency.lamp import layer_shares
from netsurgery.saliency.registry import SALIENCIES

RANK = 0.5
"""Groups of units, as a share of the units."""
LEAST_RANK = 2
SWEEPS = 12
"""Behind these a sweep explains less than a hundredth of what is left. Multiplicative updates come
near slowly, and weights near a threshold go on changing places, but that is worth little: a tenth
of LeNet-300-100, tuned, was as good after 12 sweeps as after 25, and 0.0015 better after 60."""
PARTS = ("together", "separate")
NAMED = 4
"""Layers that a note names."""

Weights = Mapping[ParameterKey, np.ndarray]


class _TrifactorSaliency(Saliency):
    """Looks at weights in the one scale of channels that stands for all, see `canonical_weights`.

    Options: ``rank``, the groups of units as a share of the units (default 0.5); ``parts``,
    whether convolutions and InnerProducts are factored ``"together"`` or are ``"separate"``.
    """

    needs: ClassVar[str] = WEIGHTS
    takes: ClassVar[Tuple[str, ...]] = ("rank", "parts")

    def work(self, net: PrunableNet) -> float:
        """Return what the start and the sweeps take."""
        share, found = _rank_share(net), 0.0
        for keys in _parts_of(net):
            sizes: Dict[int, int] = {}
            for one in _related(net.model, _shapes(net.model, keys)):
                relation = one.relation
                made, read = len(relation.row_channels), len(relation.column_channels)
                places = prod(relation.shape) // (made * read)
                sizes.update(zip(one.kinds, (made, read) if one.made else (read,)))
                ranks = share * made, share * read
                found += SWEEPS * places * (4 * made * read + 3 * ranks[1] * made) * min(ranks)
            for size in sizes.values():
                found += 2 * float(size) ** 3 + 8 * SWEEPS * size * (share * size) ** 2
        return found

    def notes(self, net: PrunableNet) -> Tuple[str, ...]:
        """Return which weights are in no groups, and which units keep a scale that may be any."""
        model, told = net.model, []
        related = [_related(model, _shapes(model, keys)) for keys in _parts_of(net)]
        alone = set(net.keys).difference(
            one.relation.key for matrices in related for one in matrices
        )
        kinds = {kind for matrices in related for one in matrices for kind in one.kinds}
        groups = channel_groups(model)
        raw = [
            groups[kind].name
            for kind in sorted(kinds)
            if not is_scalable(model.network(), groups[kind])
        ]
        if alone:
            told.append(
                "in no groups, as weights of depthwise convolutions are, and taken by their size: "
                + _listed([name for name, index in net.keys if (name, index) in alone])
            )
        if raw:
            told.append(
                f"looked at in the scale that they have, which may be any: channels of "
                f"{_listed(raw)}; fold batch normalisation first, if that is what they pass"
            )
        return tuple(told)


@SALIENCIES.register("trifactor")
class Trifactor(_TrifactorSaliency):
    """The square of What over the sum of all squares of its layer that are not smaller.

    What is a weight without what nothing else of the net speaks for. Between layers it is how much
    of what is left of a layer goes, as of `lamp`.
    """

    name: ClassVar[str] = "trifactor"
    source: ClassVar[str] = "Zitnik and Zupan 2015 (penalised matrix tri-factorisation)"

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return shares, between 0 and 1."""
        return {key: layer_shares(made**2) for key, (_, made) in explained(net).items()}


@SALIENCIES.register("trifactor-magnitude")
class TrifactorMagnitude(_TrifactorSaliency):
    """The magnitude of What, one threshold for all layers."""

    name: ClassVar[str] = "trifactor-magnitude"
    source: ClassVar[str] = Trifactor.source

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return magnitudes."""
        return {key: np.abs(made) for key, (_, made) in explained(net).items()}


@SALIENCIES.register("trifactor-normalised")
class TrifactorNormalised(TrifactorMagnitude):
    """The same as a share of its layer's length, where layers are held against each other."""

    name: ClassVar[str] = "trifactor-normalised"
    comparable: ClassVar[bool] = False


@SALIENCIES.register("trifactor-unexplained")
class TrifactorUnexplained(_TrifactorSaliency):
    """How near a weight is to What: what the groups do not explain goes first, as noise.

    Large weights are seldom near: it is there to be compared with.
    """

    name: ClassVar[str] = "trifactor-unexplained"
    source: ClassVar[str] = Trifactor.source

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return distances below the largest of the net."""
        away = {key: np.abs(weights - made) for key, (weights, made) in explained(net).items()}
        most = max((float(one.max(initial=0)) for one in away.values()), default=0.0)
        return {key: most - one for key, one in away.items()}


def explained(net: PrunableNet) -> Dict[ParameterKey, Tuple[np.ndarray, np.ndarray]]:
    """Return for each key the canonical weights, and what the factors make of them; float64.

    A weight that relates no groups, as of a depthwise convolution, is taken as explained.

    Raises:
        PlanError: An option is not as it has to be, or a weight is NaN or infinite.
    """
    share = _rank_share(net)
    model = with_masks(net.model, net.masks) if net.masks else net.model
    scaled = canonical_weights(model)
    weights = {
        key: scaled[key] if key in scaled else model.blobs(key[0])[key[1]].array(np.float64)
        for key in net.keys
    }
    for key, array in weights.items():
        if not np.isfinite(array).all():
            raise PlanError(
                "its weights hold NaN or Inf",
                file=model.prototxt.file,
                layer=key[0],
                remedy="look where they come from",
            )
    made = {key: array.copy() for key, array in weights.items()}
    for keys in _parts_of(net):
        _factor(model, {key: weights[key] for key in keys}, share, made, net.progress)
    return {key: (weights[key], made[key]) for key in net.keys}


class _Matrices:
    """A relation as it is factored, and the way back.

    Units that one blob alone makes or reads have no groups, as nothing is common to two: each is a
    tap of its own then, so that only the units on the other side are grouped.
    """

    def __init__(self, relation: ChannelRelation, made: bool, read: bool) -> None:
        self.relation = relation
        self.made, self.read = made, read

    @property
    def kinds(self) -> Tuple[int, ...]:
        """The kinds of units that are grouped."""
        one = self.relation
        return (one.rows,) * self.made + (one.columns,) * self.read

    def factored(self, blob: np.ndarray) -> FactoredRelation:
        """Return the matrices of a blob."""
        one = self.relation
        taps = units_as_taps(one.taps(blob), not self.made, not self.read)
        rows = (one.rows, one.row_channels) if self.made else _ALONE
        columns = (one.columns, one.column_channels) if self.read else _ALONE
        return FactoredRelation(rows[0], columns[0], taps, rows[1], columns[1])

    def put(self, blob: np.ndarray, product: np.ndarray) -> None:
        """Write what the factors make into a blob."""
        made, read = len(self.relation.row_channels), len(self.relation.column_channels)
        if not self.read:
            product = product.reshape(-1, read, made).transpose(0, 2, 1)
        self.relation.put(blob, product.reshape(-1, made, read))


_ALONE = -1, None
"""The kind that stands for units without groups, and its units: one."""


def _factor(
    model: Model,
    weights: Weights,
    share: float,
    made: Mapping[ParameterKey, np.ndarray],
    progress: Progress,
) -> None:
    """Write into ``made`` what common factors make of weights."""
    matrices = _related(model, {key: array.shape for key, array in weights.items()})
    if not matrices:
        return
    factored = [one.factored(weights[one.relation.key]) for one in matrices]
    sizes = {_ALONE[0]: 1}
    for one in factored:
        for kind, channels in ((one.rows, one.row_units), (one.columns, one.column_units)):
            sizes[kind] = max(sizes.get(kind, 0), 1 if channels is None else int(channels[-1]) + 1)
    ranks = {kind: min(n, max(LEAST_RANK, round(share * n))) for kind, n in sizes.items()}
    found = tri_factorise(factored, ranks, sweeps=SWEEPS, progress=progress)
    for number, (matrix, relation) in enumerate(zip(matrices, factored)):
        matrix.put(made[matrix.relation.key], found.product(relation, number))


def _related(model: Model, shapes: Mapping[ParameterKey, Sequence[int]]) -> List[_Matrices]:
    """What weights relate, but for those between units that no other weights know."""
    relations = channel_relations(channel_groups(model), shapes)
    common = {one.rows for one in relations} & {one.columns for one in relations}
    return [
        _Matrices(one, one.rows in common, one.columns in common)
        for one in relations
        if one.rows in common or one.columns in common
    ]


def _shapes(model: Model, keys: Sequence[ParameterKey]) -> Dict[ParameterKey, Tuple[int, ...]]:
    return {(name, index): model.blobs(name)[index].shape for name, index in keys}


def _listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _parts_of(net: PrunableNet) -> Sequence[Sequence[ParameterKey]]:
    """The weights that are factored at the same time."""
    return _divided(net.model, net.keys) if _parts(net) == "separate" else [net.keys]


def _divided(
    model: Model, keys: Sequence[ParameterKey]
) -> Tuple[List[ParameterKey], List[ParameterKey]]:
    """The weights of windows, which cost time, and those of whole inputs, which cost size."""
    network = model.network()
    dense = {layer.name for layer in network.layers if layer.layer_type.product is Product.DENSE}
    windows = [key for key in keys if key[0] not in dense]
    return windows, [key for key in keys if key[0] in dense]


def _rank_share(net: PrunableNet) -> float:
    value = net.options.get("rank", RANK)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise PlanError(
            f"rank {value!r} is no share of the units",
            remedy="give a number above 0 and up to 1, such as 0.25",
        )
    return float(value)


def _parts(net: PrunableNet) -> str:
    value = net.options.get("parts", PARTS[0])
    if value not in PARTS:
        raise PlanError(f"there are no parts {value!r}", remedy=f"choose among {', '.join(PARTS)}")
    return str(value)
