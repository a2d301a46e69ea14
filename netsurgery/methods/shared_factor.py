"""Two InnerProduct layers around one factor of the units between them, which is stored once.

The first layer ends in a matrix V, the second begins with its transpose: W ~ V (V^T W) and
W' ~ (W' V) V^T, as in tri-factorisation (Wang, Li and Ding 2008), where the factors of units are
common to the layer that makes them and the one that reads them. With entries of any sign the best V
is known: the leading left singular vectors of W and W'^T side by side, each of length 1. Stock
Caffe stores V once, by ``param { name: }`` and an InnerProduct of ``transpose: true``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Dict, List, Mapping, Sequence, Tuple, Union

import numpy as np

from netsurgery.errors import PlanError, Remedy
from netsurgery.formats import (
    Blob,
    Carried,
    Filling,
    LayerTemplate,
    LayerText,
    LayerWeights,
    one_line,
    quoted,
)
from netsurgery.layers import Product, layer_type
from netsurgery.linalg import (
    Cost,
    Energies,
    lost_energy,
    rank_text,
    singular_values,
    truncated_svd,
)
from netsurgery.methods.base import EXACT
from netsurgery.methods.chain import ChainTask, Found, Group, ordered_ranks
from netsurgery.methods.exchange import Context, Edit, Rewrite
from netsurgery.methods.inner_product import InnerProductPair
from netsurgery.methods.orientation import oriented
from netsurgery.methods.pieces import (
    CarriedMultipliers,
    CarriedRules,
    Names,
    new_names,
    refuse_taken_parameters,
)
from netsurgery.methods.registry import METHODS
from netsurgery.network import (
    LayerKey,
    Model,
    ReplaceLayer,
    SetBlobs,
    channel_groups,
    channel_relations,
    prunable,
)

if TYPE_CHECKING:
    from netsurgery.linalg import Ranks
    from netsurgery.methods.base import Arrays


@dataclass(frozen=True)
class CarriedCommon(Carried):
    """What the old layer says of its weights, for weights that have a name.

    Attributes:
        name: The name.
    """

    name: str

    def of(self, layer: LayerText) -> str:
        """Return the block, as a line."""
        mine = type(layer.parameter)().param.add()  # a copy: the layer's own message is shared
        for parameter in layer.parameter.param[:1]:
            mine.CopyFrom(parameter)
        mine.ClearField("name")
        told = one_line(mine)
        return f"  param {{ {f'name: {quoted(self.name)} {told}'.strip()} }}\n"


@METHODS.register("shared_factor")
class SharedFactor(InnerProductPair):
    """Replace two InnerProduct layers, of which the second reads the first, by a pair each.

    The second layer of the first pair and the first of the second have the same weights. ``layer``
    is either of both; ``rank`` is the width of all four. Beside it ``suffixes`` and ``templates``,
    as of `svd`.
    """

    name: ClassVar[str] = "shared_factor"
    joins: ClassVar[bool] = True
    options: ClassVar[tuple] = ("rank", "suffixes", "templates")

    def needs_only_its_layer(self, model: Model, edit: Edit, context: Context) -> bool:
        """Two layers are looked at."""
        return False

    def weights_at(self, layer: LayerText, weights: np.ndarray) -> Tuple[Ranks, Cost]:
        """Return the full rank and the number of weights, of both layers."""
        units, others = weights.shape
        return (min(units, others),), Cost(units * others, (others, units))

    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return the singular values of both side by side, and the mean share that ranks lose."""
        values = singular_values(weights)
        return Energies((values,), lost_energy(values)[1:])

    def factor(self, task: ChainTask) -> Found:
        """Return V alone; what else there is depends on the layer."""
        pair = truncated_svd(task.weights, task.ranks[0], "first")
        return Found((pair.left,), pair.error)

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the pairs that stand in for both layers.

        Raises:
            PlanError: The layer has no neighbour to share with, or an option is wrong.
        """
        group = self._group(model, edit.layer)
        weights = self._weights(model, group)
        ranks = ordered_ranks(edit, self.weights_at(group[0], weights)[0])
        try:
            (common,) = self.factor(ChainTask(model, edit, context, group, weights, ranks)).weights
        except ValueError as error:
            raise PlanError(str(error), layer=edit.layer) from None
        names = [new_names(model, edit, layer.name) for layer in group]
        shared = names[0].layers[1]
        remedy = Remedy("choose other suffixes ({})", "suffixes")
        refuse_taken_parameters(model, group[0].name, [shared], remedy)
        edits: List[Union[ReplaceLayer, SetBlobs]] = []
        errors: Dict[str, float] = {}
        for layer, new in zip(group, names):
            matrix = self.read(layer, model.blobs(layer.name)[0])
            bias = [one.reshape((one.count,)) for one in model.blobs(layer.name)[1:]]
            if layer is group[0]:
                own = common.T @ matrix
                made, stored = common @ own, [[Blob.of(own)], [Blob.of(common), *bias]]
            else:
                own = matrix @ common
                # Its first layer has the weights that are stored with the other.
                made, stored = own @ common.T, [[], [Blob.of(own), *bias]]
            length = float(np.linalg.norm(matrix))
            errors[layer.name] = float(np.linalg.norm(matrix - made)) / length if length else 0.0
            values = {**self.values(layer, new, ranks)}
            values.update(_sharing(values, new, shared, layer is group[0]))
            template = LayerTemplate(self.template, values, edit.options.get("templates"))
            edits.append(ReplaceLayer(LayerKey.of(layer, model.prototxt), (template,)))
            kind = layer_type(layer.type).stock_name
            told = zip(new.layers, stored)
            by = tuple(LayerWeights(name, kind, tuple(blobs)) for name, blobs in told if blobs)
            edits.append(SetBlobs(layer.name, by))
        return Rewrite(
            edit,
            tuple(edits),
            {layer.name: new.layers for layer, new in zip(group, names)},
            f"{rank_text(ranks)}, with {' and '.join(errors)} in common",
            errors,
            exact=max(errors.values()) <= EXACT,
            unmoved=tuple(errors),
        )

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return both layers' blobs, multiplied out."""
        first, second = self._group(model, rewrite.edit.layer)
        ((right, *_), (common, *bias)) = pieces[first.name]
        left, *others = pieces[second.name][1]
        return {
            first.name: [oriented(first, common @ right), *bias],
            second.name: [oriented(second, left @ common.T), *others],
        }

    compose_factored = compose

    def _group(self, model: Model, name: str) -> Group:
        """The layer and the one that it has units in common with, in the order of the net."""
        super()._group(model, name)
        pairs = [pair for pair in _pairs(model) if name in pair]
        if not pairs:
            raise PlanError(
                "no InnerProduct layer reads all that it makes, and none that has no other "
                "partner makes all that it reads",
                file=model.prototxt.file,
                layer=name,
                remedy=Remedy("leave it out of the plan, or factor it alone, by {} svd", "method"),
            )
        group = [super(SharedFactor, self)._group(model, one) for one in pairs[0]]
        for layer, *others in group:
            problem = "it shares its weights with another layer" if others else None
            if layer.version == "V1":
                problem = "in V1 nets only layers of one name share weights"
            if problem:
                raise PlanError(problem, layer=layer.name, remedy="leave it out of the plan")
        return group[0][0], group[1][0]

    def _weights(self, model: Model, group: Group) -> np.ndarray:
        first, second = (super(SharedFactor, self)._weights(model, (layer,)) for layer in group)
        lengths = [float(np.linalg.norm(one)) or 1.0 for one in (first, second)]
        return np.hstack([first / lengths[0], second.T / lengths[1]])


def _pairs(model: Model) -> List[Tuple[str, str]]:
    """Layers of which the second reads all units of the first, in their order; none twice."""
    shapes = {key: model.blobs(key[0])[key[1]].shape for key in prunable(model)}
    relations = channel_relations(channel_groups(model), shapes)
    found: List[Tuple[str, str]] = []
    for first in relations:
        makers = [one for one in relations if one.rows == first.rows]
        readers = [one for one in relations if one.columns == first.rows]
        if len(makers) != 1 or len(readers) != 1:
            continue
        names = first.key[0], readers[0].key[0]
        taken = {name for pair in found for name in pair}
        alike = np.array_equal(first.row_entries, readers[0].column_entries)
        plain = all(_is_dense(model, name) for name in names) and len(first.row_entries) == 1
        if alike and plain and taken.isdisjoint(names):
            found.append(names)
    return found


def _is_dense(model: Model, name: str) -> bool:
    named = model.prototxt.named(name)
    return all(layer_type(layer.type).product is Product.DENSE for layer in named)


def _sharing(
    values: Mapping[str, Filling], names: Names, shared: str, is_first: bool
) -> Dict[str, Filling]:
    """What the text of a pair says otherwise where one of its layers has weights in common."""
    message = InnerProductPair.message
    if is_first:
        multipliers = CarriedMultipliers(names.suffixes[1], (1,))
        return {"second_fields": (CarriedRules(message, True), CarriedCommon(shared), multipliers)}
    told = values["first_parameters"]
    assert isinstance(told, tuple)
    return {
        # Learning rates are those of the owner.
        "first_fields": (CarriedRules(message, False), f"  param {{ name: {quoted(shared)} }}\n"),
        "first_parameters": ("    transpose: true\n", *told),
    }
