"""What a method is: the layers it takes, what it costs, and the rewrite it answers with.

A method is one file in this room with one ``@METHODS.register`` class, plus the prototxt
template it emits. Other packages add methods through the entry point ``netsurgery.methods``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
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

from netsurgery.errors import PlanError
from netsurgery.linalg import plain_ranks
from netsurgery.methods.coupled import coupled_layers

if TYPE_CHECKING:
    from netsurgery.formats import LayerText
    from netsurgery.layers import LayerType, Product
    from netsurgery.linalg import Factored, Ranks, Tradeoff
    from netsurgery.methods.exchange import Context, Edit, Rewrite
    from netsurgery.network import Model

Arrays = Sequence[np.ndarray]
Composed = Sequence[Union[np.ndarray, "Factored"]]
"""Blobs, of which large ones may be left as their factors."""


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
        joins: Whether it rewrites layers of different weights together.
    """

    length: ClassVar[int]
    joins: ClassVar[bool] = False
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
