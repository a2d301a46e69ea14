"""What a method is: the layers it takes, what it costs, and the rewrite it answers with.

A method is one file in this room with one ``@register_method`` class, plus the prototxt
template it emits. Other packages add methods through the entry point ``netsurgery.methods``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping, Optional, Sequence

import numpy as np

from netsurgery.formats.weights import LayerWeights
from netsurgery.network.model import Model


@dataclass(frozen=True)
class Edit:
    """An order to one method for one layer.

    Attributes:
        layer: Name of the layer to rewrite.
        method: Name of a registered method, for example ``"svd"``.
        options: What the method needs to know, for example ``{"rank": 1024}``.
        predicted: What the planner expects of it; for people, ignored when applied.
    """

    layer: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    predicted: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Rewrite:
    """What a method answers for an edit. Only ``surgery`` carries it out.

    Attributes:
        edit: The order it answers.
        layers: For each layer that goes, by its index in the prototxt, the text that comes.
        weights: For each name that goes from the weights, the layers that come in its place.
        pieces: For each name of an original layer, the names of the layers that now do its work.
        error: The error of the weights that the method expects, ``||W - W'|| / ||W||`` (Frobenius).
    """

    edit: Edit
    layers: Mapping[int, bytes]
    weights: Mapping[str, Sequence[LayerWeights]]
    pieces: Mapping[str, Sequence[str]]
    error: float


class Method(ABC):
    """Base of every method."""

    name: ClassVar[str]
    layer_types: ClassVar[tuple]
    options: ClassVar[tuple]

    @abstractmethod
    def coupled(self, model: Model, layer: str) -> Sequence[str]:
        """Return the names of all layers that are rewritten with ``layer``, itself included."""

    @abstractmethod
    def matrix(self, model: Model, layer: str) -> np.ndarray:
        """Return the (outputs, inputs) matrix that the method factors.

        Raises:
            PlanError: The method cannot take this layer; the text says why.
        """

    @abstractmethod
    def rewrite(self, model: Model, edit: Edit, statistics: Optional[Any] = None) -> Rewrite:
        """Return what has to change in ``model`` to carry out ``edit``.

        Raises:
            PlanError: The edit cannot be carried out; the text says why.
        """

    @abstractmethod
    def compose(
        self, model: Model, layer: str, pieces: Sequence[Sequence[np.ndarray]]
    ) -> Sequence[np.ndarray]:
        """Return the blobs with which the original layer would compute what its pieces compute.

        Args:
            model: The model before the rewrite.
            layer: The name of the layer in it.
            pieces: The blobs of the layers that stand in its place, in their order.
        """
