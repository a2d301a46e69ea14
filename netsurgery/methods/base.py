"""What a method is: the layers it takes, what it costs, and the rewrite it answers with.

A method is one file in this room with one ``@METHODS.register`` class, plus the prototxt
template it emits. Other packages add methods through the entry point ``netsurgery.methods``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Dict,
    Iterable,
    Iterator,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from netsurgery.errors import PlanError, Remedy
from netsurgery.formats import LayerText, LayerWeights
from netsurgery.layers import LayerType, Product
from netsurgery.linalg import Factored, Ranks, Tradeoff, plain_ranks
from netsurgery.methods.coupled import coupled_layers
from netsurgery.methods.prediction import Prediction
from netsurgery.network import GraphEdit, Model, SetBlobs, Value, weight_changes
from netsurgery.validation import require_fields

if TYPE_CHECKING:
    from netsurgery.calibration import Calibrator

Arrays = Sequence[np.ndarray]
Composed = Sequence[Union[np.ndarray, Factored]]
"""Blobs, of which large ones may be left as their factors."""


@dataclass(frozen=True)
class Edit:
    """An order to one method for one layer.

    Attributes:
        layer: Name of the layer to rewrite.
        method: Name of a registered method, for example ``"svd"``.
        options: What the method needs to know, for example ``{"rank": 1024}``.
        predicted: What the planner expects of it; for people, ignored when applied.

    Raises:
        RequestError: What is given as one of these is none.
    """

    layer: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    predicted: Prediction = field(default_factory=Prediction, compare=False)

    def __post_init__(self) -> None:
        require_fields(self)


@dataclass(frozen=True)
class Origin:
    """Where a value of a rewritten net stood in the original one.

    Attributes:
        value: The value in the original.
        axis: The axis of which something may be gone.
        kept: The entries of that axis that are left, or None for all.
    """

    value: Value
    axis: int = 1
    kept: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Context:
    """What a method may look at beside the model it rewrites.

    Attributes:
        original: The model before the first edit of the plan.
        calibrator: What runs inputs, for the methods that want it; None without inputs.
        origins: Values of the model that are not simply those of the original of the same name.
    """

    original: Model
    calibrator: Optional[Calibrator] = None
    origins: Mapping[Value, Origin] = field(default_factory=dict)

    def origin(self, value: Value) -> Origin:
        """Return where a value of the model at hand stood in the original."""
        return self.origins.get(value, Origin(value))

    def require_calibrator(self, edit: Edit) -> Calibrator:
        """Return the statistics.

        Raises:
            PlanError: There are none.
        """
        if self.calibrator is None:
            raise PlanError(
                f"{edit.method} needs inputs to fit to",
                layer=edit.layer,
                remedy=Remedy("give some with {}", "calibrate"),
            )
        return self.calibrator


@dataclass(frozen=True)
class Rewrite:
    """What a method answers for an edit. Only ``surgery`` carries it out.

    Attributes:
        edit: The order it answers.
        edits: What changes in the net, by name; all of them name layers as they were before.
        pieces: For each name of an original layer, the names of the layers that now do its work.
        result: What the layer keeps, in a few words: ``"rank 9"``, ``"12 of 20 channels"``.
        errors: For those of them of which the method states it, the error of the weights that it
            expects, ``||W - W'|| / ||W||`` (Frobenius).
        origins: For each value of the new net of which something is gone, or that stood elsewhere,
            where it was in the net before.
        exact: Whether the new net computes what the one before did.
        unmoved: The layers whose blobs but the first come out, multiplied out, as they were.
        approximate: Why the twin and the new net differ by more than rounding, or None.
        found: What the method found out and wants for `Method.compose`; its own business.
    """

    edit: Edit
    edits: Sequence[GraphEdit]
    pieces: Mapping[str, Sequence[str]]
    result: str = ""
    errors: Mapping[str, float] = field(default_factory=dict)
    origins: Mapping[Value, Origin] = field(default_factory=dict)
    approximate: Optional[str] = None
    found: Any = None
    exact: bool = False
    unmoved: Sequence[str] = ()

    @property
    def weights(self) -> Mapping[str, Sequence[LayerWeights]]:
        """For each name that goes from the weights, the layers that come in its place."""
        return weight_changes(self.edits)

    def with_weights(self, changes: Mapping[str, Sequence[LayerWeights]]) -> Rewrite:
        """Return the same rewrite with other layers for names whose blobs it sets.

        Args:
            changes: For each such name, the layers that come; other names stay as they are.
        """
        edits = [
            SetBlobs(edit.layer, tuple(changes[edit.layer]))
            if isinstance(edit, SetBlobs) and edit.layer in changes
            else edit
            for edit in self.edits
        ]
        return replace(self, edits=edits)


ROUNDING = "rounding"
"""The cause of what differs where a method changes nothing."""


# What a pair of full rank, stored in float32, loses of its weights at most.
EXACT = 1e-6


class Method(ABC):
    """Base of every method.

    Attributes:
        name: How plans and the command line call it.
        products: The kinds of products that it takes.
        options: Names of the options of its edits.
        cause: What makes the new net differ from the original, for the words of the proof.
        only_fits: Whether it does no more than set numbers of a layer, and of what normalises that
            layer's outputs, by what leads to these outputs and to what they are added to.
    """

    name: ClassVar[str]
    products: ClassVar[Tuple[Product, ...]]
    options: ClassVar[tuple]
    cause: ClassVar[str] = "what was done"
    only_fits: ClassVar[bool] = False

    def takes(self, kind: LayerType) -> bool:
        """Return whether it takes layers of a type."""
        return kind.product in self.products

    @property
    def taken(self) -> Tuple[str, ...]:
        """The types that it takes, as stock Caffe calls them, for messages."""
        return tuple(product.value for product in self.products)

    def refuse_unknown(self, options: Iterable[str], layer: Optional[str] = None) -> None:
        """See that the method has all of some options.

        Raises:
            PlanError: It lacks one; the text lists those it has.
        """
        for option in options:
            if option not in self.options:
                raise PlanError(
                    f"method {self.name!r} has no option {option!r}",
                    layer=layer,
                    remedy=f"it takes {', '.join(self.options)}",
                )

    @abstractmethod
    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return what has to change in ``model`` to carry out ``edit``.

        Raises:
            PlanError: The edit cannot be carried out; the text says why.
        """

    def rewrites(self, model: Model, edits: Sequence[Edit], context: Context) -> Iterator[Rewrite]:
        """Yield what has to change for the first of several edits, and for some of those behind it.

        A method need not answer more than the first. One that does spares surgery a look at the
        whole net for each: what is yielded is carried out together. All of it names layers of
        ``model`` as they stand in its text; blobs, origins and errors are those of the net that
        the rewrites before leave.

        Args:
            model: The model before all of them.
            edits: Edits of this method that follow each other in a plan.
            context: What the method may look at beside the model.

        Raises:
            PlanError: As `rewrite`.
        """
        yield self.rewrite(model, edits[0], context)

    @abstractmethod
    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return the blobs with which the original layers would compute what their pieces do.

        Args:
            model: The model before the rewrite, with the text before all that was yielded with it.
            rewrite: What was done to it.
            pieces: For each name of an original layer that has blobs, the blobs of the layers
                that stand in its place, in their order.
        """

    def compose_factored(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Composed]:
        """Return what `compose` does, and leave a product as its factors where it can.

        The product of a pair is far larger than the pair: nobody needs all of it at once.
        """
        return self.compose(model, rewrite, pieces)


class LowRankMethod(Method):
    """Base of the methods that put a product of smaller layers in the place of a layer.

    Attributes:
        length: How many layers with weights come, at most.
    """

    length: ClassVar[int]
    cause: ClassVar[str] = "truncation"

    def needs_only_its_layer(self, model: Model, edit: Edit, context: Context) -> bool:
        """Return whether `rewrite` looks at nothing that edits of other layers change.

        Such edits are carried out together, in one look at the net, ahead of fits in between.
        """
        return False

    def coupled(self, model: Model, layer: str) -> Sequence[str]:
        """Return the names of all layers that are rewritten with ``layer``, itself included."""
        return tuple(dict.fromkeys(other.name for other in coupled_layers(model, layer)))

    @abstractmethod
    def tradeoff(self, model: Model, layer: str) -> Tradeoff:
        """Return what the ranks of the layer's low-rank form cost and lose.

        Raises:
            PlanError: The method cannot take this layer; the text says why.
        """

    @abstractmethod
    def sketch(self, model: Model, layer: LayerText, ranks: Ranks) -> bytes:
        """Return the text of the layers that come at some ranks, whether their names are free."""

    def options_for(self, ranks: Ranks) -> Dict[str, Any]:
        """Return the options that order some ranks."""
        return {"rank": plain_ranks(ranks)}
