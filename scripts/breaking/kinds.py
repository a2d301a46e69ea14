"""What a way to break a pair is, and what it is given to work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.prototxt.layer_text import LayerText
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.network.model import Model

Layers = List[LayerWeights]


@dataclass(frozen=True)
class Pair:
    """A text and what the file of weights holds, in memory."""

    prototxt: Prototxt
    layers: Tuple[LayerWeights, ...]

    @classmethod
    def of(cls, model: Model) -> Pair:
        """Return that of a model."""
        assert model.weights is not None
        return cls(model.prototxt, tuple(model.weights.layers))

    def model(self) -> Model:
        """Return it as a model."""
        return Model(self.prototxt, Weights.of(self.layers))

    def blobs(self, name: str) -> Tuple[Blob, ...]:
        """Return the blobs of a layer; none where the file has none."""
        return next((one.blobs for one in self.layers if one.name == name), ())

    def array(self, name: str, index: int) -> np.ndarray:
        """Return one of them as an array."""
        return self.blobs(name)[index].array()

    def of_type(self, *types: str) -> List[LayerText]:
        """Return the layers of some types."""
        return [layer for layer in self.prototxt.layers if layer.type in types]

    def with_blob(self, name: str, index: int, array: np.ndarray) -> Pair:
        """The pair with other numbers in one blob, in the form it has if the shape is the same."""
        blobs = list(self.blobs(name))
        new = Blob.of(np.ascontiguousarray(array, np.float32))
        same = new.shape == blobs[index].shape
        blobs[index] = blobs[index].filled(array.astype(np.float32)) if same else new
        return self.with_blobs(name, tuple(blobs))

    def with_blobs(self, name: str, blobs: Tuple[Blob, ...]) -> Pair:
        """Return the pair with other blobs for a layer."""
        layers = tuple(
            LayerWeights(one.name, one.type, blobs) if one.name == name else one
            for one in self.layers
        )
        return replace(self, layers=layers)

    def with_text(self, layer: LayerText, text: bytes) -> Pair:
        """The pair with other text for one layer; none takes it out."""
        return replace(self, prototxt=self.prototxt.replace_layers({layer.index: text}))


class Broken(NamedTuple):
    """A broken pair.

    Attributes:
        what: What was done.
        pair: What it left.
        layers: The layers it was done to; naming one of them is right.
    """

    what: str
    pair: Pair
    layers: Tuple[str, ...]


Candidates = Iterator[Broken]
Way = Callable[[Pair, np.random.Generator], Candidates]


class Kind(NamedTuple):
    """A kind of breakage: its name, and how it is done; yields nothing where it cannot be."""

    name: str
    way: Way

    def broken(self, pair: Pair, random: np.random.Generator) -> Optional[Broken]:
        """Break a pair in this way, at a place that is drawn; None where there is none."""
        return next(self.way(pair, random), None)


def shuffled(things: List[LayerText], random: np.random.Generator) -> List[LayerText]:
    """The things in an order that is drawn."""
    return [things[place] for place in random.permutation(len(things))]
