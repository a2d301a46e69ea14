"""Base of the methods that put a chain of layers in the place of one."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ClassVar,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.layers import layer_type
from netsurgery.linalg import Tradeoff
from netsurgery.methods.base import EXACT, Arrays, Composed, LowRankMethod
from netsurgery.methods.coupled import coupled_layers, loaded_blobs
from netsurgery.methods.fits import DATA, NONE
from netsurgery.network import why_foreign

if TYPE_CHECKING:
    from netsurgery.formats import Blob, Filling, LayerTemplate, LayerText, LayerWeights
    from netsurgery.linalg import Cost, Energies, Factored, Ranks
    from netsurgery.methods.exchange import Context, Edit, Rewrite
    from netsurgery.methods.pieces import Names
    from netsurgery.network import Model

Group = Tuple["LayerText", ...]


@dataclass(frozen=True, eq=False)
class Found:
    """What a layer was factored into.

    Attributes:
        weights: Of each layer of the chain, the first one first, as Caffe stores them.
        error: ``||W - W'|| / ||W||`` (Frobenius).
        bias: The bias of the last layer, where it is not that of the original.
    """

    weights: Sequence[np.ndarray]
    error: float
    bias: Optional[np.ndarray] = None


@dataclass(frozen=True)
class ChainTask:
    """What there is to factor.

    Attributes:
        model: The model at hand.
        edit: The order.
        context: What may be looked at beside the model.
        group: The layer, and those that share its weights.
        weights: Their weights, in the shape in which they are factored.
        ranks: One for each place between two layers of the chain.
    """

    model: Model
    edit: Edit
    context: Context
    group: Group
    weights: np.ndarray
    ranks: Ranks

    @property
    def layer(self) -> LayerText:
        """A layer that uses the weights."""
        return self.group[0]

    def option(self, name: str, choices: Sequence[str]) -> str:
        """Return what an option is set to; the first choice if it is not.

        Raises:
            PlanError: It is none of the choices.
        """
        value = self.edit.options.get(name, choices[0])
        if value not in choices:
            problem = f"{name} {value!r} is not one of {', '.join(choices)}"
            raise PlanError(problem, layer=self.edit.layer)
        return str(value)


class ChainMethod(LowRankMethod):
    """Base of the methods that put a chain of layers, narrow in between, in the place of one.

    A method says how it factors weights and multiplies them out, and fills in its template.
    """

    message: ClassVar[str]
    template: ClassVar[str]
    length: ClassVar[int] = 2

    @abstractmethod
    def form(self, layer: LayerText) -> object:
        """Return how the layer uses its weights: layers that share them must do alike.

        Raises:
            PlanError: The method cannot take this layer.
        """

    @abstractmethod
    def read(self, layer: LayerText, blob: Blob) -> np.ndarray:
        """Return the layer's weights in the shape in which they are factored.

        Raises:
            PlanError: They are not what the prototxt asks for.
        """

    @abstractmethod
    def weights_at(self, layer: LayerText, weights: np.ndarray) -> Tuple[Ranks, Cost]:
        """Return the full ranks and the number of weights."""

    @abstractmethod
    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return what ranks lose.

        Raises:
            ValueError: The weights hold NaN or Inf.
        """

    @abstractmethod
    def factor(self, task: ChainTask) -> Found:
        """Factor the weights of a layer.

        Raises:
            PlanError: An option is wrong.
            ValueError: The weights hold NaN or Inf.
        """

    @abstractmethod
    def multiply(self, layer: LayerText, weights: Arrays) -> np.ndarray:
        """Return the weights with which the layer does what the chain does."""

    def factored(self, layer: LayerText, weights: Arrays) -> Union[np.ndarray, Factored]:
        """Return the same, left as two factors where it is their product."""
        return self.multiply(layer, weights)

    @abstractmethod
    def values(self, layer: LayerText, names: Names, ranks: Ranks) -> Mapping[str, Filling]:
        """Return what to fill into the template."""

    def coupled(self, model: Model, layer: str) -> Tuple[str, ...]:
        """Return the names of all layers that are rewritten with ``layer``, itself included."""
        return tuple(dict.fromkeys(other.name for other in self._group(model, layer)))

    def needs_only_its_layer(self, model: Model, edit: Edit, context: Context) -> bool:
        """Return whether the layer is factored for its weights, or for the original's outputs."""
        if edit.options.get("fit", NONE) == DATA:
            from netsurgery.methods.fitting import is_unspoilt

            return is_unspoilt(model, edit.layer, context)
        return edit.options.get("fit", NONE) == NONE

    def tradeoff(self, model: Model, layer: str) -> Tradeoff:
        """Return what the ranks of the layer cost and lose.

        Raises:
            PlanError: The method cannot take this layer, or its weights do not fit it.
        """
        group = self._group(model, layer)
        weights = self._weights(model, group)
        full, cost = self.weights_at(group[0], weights)
        ones = (1,) * len(full)

        def count() -> Optional[Cost]:
            from netsurgery.methods.chain_cost import count_macs

            return count_macs(model, group, lambda one: self.sketch(model, one, ones), len(full))

        def measure() -> Energies:
            try:
                return self.energies(group[0], weights)
            except ValueError as error:
                raise PlanError(str(error), layer=layer) from None

        return Tradeoff(weights.shape, full, cost, count, measure, self.fit(group[0], weights))

    def fit(self, layer: LayerText, weights: np.ndarray) -> Optional[Callable[[Ranks], float]]:
        """Return what tells the loss by factoring, where `energies` does not tell it exactly."""
        return None

    def sketch(self, model: Model, layer: LayerText, ranks: Ranks) -> bytes:
        """Return the text of the chain, under the usual names."""
        from netsurgery.methods.pieces import SUFFIXES, named

        return self._template(layer, named(layer.name, SUFFIXES[self.length]), ranks).fill(layer)

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the chain that stands in for the layer, and for all that share its weights.

        Raises:
            PlanError: The layer cannot be factored, or an option is wrong.
        """
        from netsurgery.linalg import rank_text
        from netsurgery.methods.exchange import Rewrite
        from netsurgery.methods.pieces import new_names
        from netsurgery.network import LayerKey, ReplaceLayer, SetBlobs

        group = self._group(model, edit.layer)
        weights = self._weights(model, group)
        ranks = ordered_ranks(edit, self.weights_at(group[0], weights)[0])
        task = ChainTask(model, edit, context, group, weights, ranks)
        try:
            found = self.factor(task)
        except ValueError as error:
            raise PlanError(str(error), layer=edit.layer) from None
        names = {layer.name: new_names(model, edit, layer.name, self.length) for layer in group}
        folder = edit.options.get("templates")
        pieces = {name: new.layers for name, new in names.items()}
        kind = layer_type(group[0].type).stock_name
        return Rewrite(
            edit,
            (
                *(
                    ReplaceLayer(
                        LayerKey.of(layer, model.prototxt),
                        (self._template(layer, names[layer.name], ranks, folder),),
                    )
                    for layer in group
                ),
                *(
                    SetBlobs(name, _stored(new, kind, found, model.blobs(name)[1:]))
                    for name, new in pieces.items()
                    if model.blobs(name)
                ),
            ),
            pieces,
            rank_text(ranks),
            dict.fromkeys(pieces, found.error),
            exact=found.error <= EXACT and found.bias is None,
            unmoved=tuple(pieces) if found.bias is None else (),
        )

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return each original layer's blobs, with the chain multiplied out for its weights."""
        return {
            name: [self.multiply(self._group(model, name)[0], _weights(blobs)), *blobs[-1][1:]]
            for name, blobs in pieces.items()
        }

    def compose_factored(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Composed]:
        """Return each original layer's blobs, the weights as factors if they are a product."""
        return {
            name: [self.factored(self._group(model, name)[0], _weights(blobs)), *blobs[-1][1:]]
            for name, blobs in pieces.items()
        }

    def _group(self, model: Model, name: str) -> Group:
        """Return the layers to rewrite together; all must be alike."""
        group = coupled_layers(model, name)
        for layer in group:
            problem = why_foreign(layer)
            if not self.takes(layer_type(layer.type)):
                problem = (
                    f"it is of type {layer.type}; {self.name} takes {' or '.join(self.taken)}"
                    if layer.name == name
                    else f"it shares its weights with {layer.name!r}, which is of type {layer.type}"
                )
            elif problem is None and self.form(layer) != self.form(group[0]):
                problem = (
                    f"it shares its weights with {layer.name!r}, which uses them in another form"
                )
            if problem:
                remedy = "leave it out of the plan"
                raise PlanError(problem, file=model.prototxt.file, layer=name, remedy=remedy)
        return group

    def _weights(self, model: Model, group: Group) -> np.ndarray:
        for layer in group:
            blobs = model.blobs(layer.name)
            wanted = 1 + getattr(layer.parameter, self.message).bias_term
            if blobs and len(blobs) != wanted:
                masks = " (masks of a pruning fork?)" if len(blobs) == 2 * wanted else ""
                raise PlanError(
                    f"the weights hold {len(blobs)} blobs{masks}, the prototxt asks for {wanted}",
                    layer=layer.name,
                    remedy="see `netsurgery doctor`",
                )
        return self.read(group[0], loaded_blobs(model, [layer.name for layer in group])[0])

    def _template(
        self, layer: LayerText, names: Names, ranks: Ranks, folder: Any = None
    ) -> LayerTemplate:
        from netsurgery.formats import LayerTemplate

        return LayerTemplate(self.template, self.values(layer, names, ranks), folder)


def _weights(blobs: Sequence[Arrays]) -> Arrays:
    """The weights of each layer of a chain."""
    return [arrays[0] for arrays in blobs]


def ordered_ranks(edit: Edit, full: Ranks) -> Ranks:
    """Return the ranks that an edit orders: a number, or a list of as many as there are.

    Args:
        edit: The order.
        full: The largest ranks there can be.

    Raises:
        PlanError: It orders none, or others than there can be.
    """
    given = edit.options.get("rank")
    ranks = [given] if len(full) == 1 else given
    if isinstance(ranks, (list, tuple)) and len(ranks) == len(full):
        whole = all(isinstance(rank, int) and not isinstance(rank, bool) for rank in ranks)
        if whole and all(1 <= rank <= most for rank, most in zip(ranks, full)):
            return tuple(ranks)
    if len(full) == 1:
        problem = f"rank {given!r} is not a whole number from 1 to {full[0]}"
    else:
        limits = " and ".join(f"from 1 to {most}" for most in full)
        problem = f"rank {given!r} is not a list of whole numbers {limits}"
    raise PlanError(problem, layer=edit.layer)


def _stored(
    names: Sequence[str], kind: str, found: Found, bias: Sequence[Blob]
) -> Tuple[LayerWeights, ...]:
    """The layers of a chain in the weights; old files store a bias with four axes, these do not."""
    from netsurgery.formats import Blob, LayerWeights

    blobs = [[Blob.of(weights)] for weights in found.weights]
    rows = [blob.reshape((blob.count,)) for blob in bias]
    blobs[-1] += rows if found.bias is None else [Blob.of(found.bias.astype(np.float32))]
    return tuple(LayerWeights(name, kind, tuple(own)) for name, own in zip(names, blobs))
