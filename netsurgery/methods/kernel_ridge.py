"""Layers whose weights are predicted from some of them (Denil et al. 2013).

``W = V U`` with the dictionary U of kernel ridge regression: a first layer without bias that holds
U, and a second one with the layer's bias. The kernel says which weights of an output are alike:
those of places near each other in the window, or in the map that an InnerProduct layer reads,
channel by channel; or, with inputs, those of what goes together in what the layer reads. The
weights have no say in U, so that V alone needs to be trained.
"""

from __future__ import annotations

from math import prod
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from netsurgery.errors import PlanError, Remedy
from netsurgery.layers import Product, layer_type
from netsurgery.linalg import (
    Cost,
    Energies,
    fitted_weights,
    grid_dictionary,
    grid_losses,
    ridge_dictionary,
    spread_places,
    squared_distance,
    squared_norm,
    with_ridge,
)
from netsurgery.methods.chain import ChainMethod, ChainTask, Found, Group
from netsurgery.methods.channel_svd import ChannelSVD
from netsurgery.methods.fits import DATA, NONE
from netsurgery.methods.registry import METHODS
from netsurgery.methods.svd import TruncatedSVD
from netsurgery.network import infer_shapes

if TYPE_CHECKING:
    from netsurgery.formats import Blob, Filling, LayerTemplate, LayerText
    from netsurgery.linalg import Factored, Ranks
    from netsurgery.methods.base import Arrays
    from netsurgery.methods.exchange import Context, Edit
    from netsurgery.methods.pieces import Names
    from netsurgery.network import Model

WIDEST = 6000
"""Inputs of an output at most, of which all pairs are looked at: 300 MB."""
MOST_PLACES = 2048
"""Places of a grid at most, for the same reason."""
KERNELS = (NONE, DATA)
"""What ``fit`` may say: that places tell what is alike, or what the layer reads."""


class _Pair(NamedTuple):
    """Factors of a group's weights, ``left @ right``.

    Attributes:
        right: U, shape (r, d).
        left: V, shape (n, r).
    """

    right: np.ndarray
    left: np.ndarray


@METHODS.register("kernel_ridge")
class KernelRidge(ChainMethod):
    """Replace a layer by a dictionary that its weights have no say in, and one that mixes it.

    Options of an edit: ``rank``, the rows of the dictionary, for each group of a convolution;
    ``fit``, ``"none"``, by which the kernel is one of places, or ``"data"``, by which it is the
    second moment of what the layer reads; ``suffixes``, ``templates``, as for the pairs of `svd`
    and `channel_svd`, whose layers these are.
    """

    name: ClassVar[str] = "kernel_ridge"
    products: ClassVar[Tuple[Product, ...]] = (Product.DENSE, Product.CONVOLUTION)
    options: ClassVar[tuple] = ("rank", "fit", "suffixes", "templates")
    cause: ClassVar[str] = "prediction of weights"

    def form(self, layer: LayerText) -> object:
        """Return how the layer uses its weights.

        Raises:
            PlanError: It convolves several blobs.
        """
        return _kind(layer).form(layer)

    def read(self, layer: LayerText, blob: Blob) -> np.ndarray:
        """Return the weights, (num_output, inputs) or (num_output, inputs / group, *window).

        Raises:
            PlanError: They are not what the prototxt asks for.
        """
        return _kind(layer).read(layer, blob)

    def weights_at(self, layer: LayerText, weights: np.ndarray) -> Tuple[Ranks, Cost]:
        """Return the rank at which all weights are known, and the number of weights."""
        groups, inputs = _groups(layer), prod(weights.shape[1:])
        units = groups * inputs, weights.shape[0]
        return (inputs,), Cost(weights.size, units)

    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return what ranks lose where places tell what is alike.

        Raises:
            PlanError: There are too many.
            ValueError: The weights hold NaN or Inf.
        """
        _require_finite(weights)
        _require_few(weights, layer.name)
        parts = np.split(weights, _groups(layer))
        wholes = np.array([squared_norm(part) for part in parts])
        lost = np.array([grid_losses(part) for part in parts])
        whole = wholes.sum()
        return Energies((), wholes @ lost / whole if whole else lost[0])

    def factor(self, task: ChainTask) -> Found:
        """Make the dictionary, and what comes closest to the weights with it."""
        _require_finite(task.weights)
        parts = np.split(task.weights, _groups(task.layer))
        if task.option("fit", KERNELS) == DATA:
            seconds = _seen(task)
            pairs = [_of_moment(*one, task.ranks[0]) for one in zip(parts, seconds)]
        else:
            _require_few(task.weights, task.edit.layer)
            pairs = [_of_grid(part, task.ranks[0]) for part in parts]
        whole = squared_norm(task.weights)
        lost = sum(
            squared_distance(part.reshape(len(part), -1), pair.left, pair.right)
            for part, pair in zip(parts, pairs)
        )
        kernels = _kind(task.layer).stored(pairs, task.weights.shape)
        return Found(kernels, float(np.sqrt(lost / whole)) if whole else 0.0)

    def multiply(self, layer: LayerText, weights: Arrays) -> np.ndarray:
        """Return the weights with which the layer does what the pair does."""
        return _kind(layer).multiply(layer, weights)

    def factored(self, layer: LayerText, weights: Arrays) -> Union[np.ndarray, Factored]:
        """Return the same, left as two factors where it is their product."""
        return _kind(layer).factored(layer, weights)

    def values(self, layer: LayerText, names: Names, ranks: Ranks) -> Mapping[str, Filling]:
        """Return what to fill into the template."""
        return _kind(layer).values(layer, names, ranks)

    def needs_only_its_layer(self, model: Model, edit: Edit, context: Context) -> bool:
        """Return whether the layer is factored for places, or for what it reads in the original."""
        from netsurgery.methods.fitting import is_unspoilt

        if edit.options.get("fit", NONE) == DATA:
            return is_unspoilt(model, edit.layer, context, reads=True)
        return True

    def _weights(self, model: Model, group: Group) -> np.ndarray:
        return _kind(group[0]).placed(model, group)

    def _template(
        self, layer: LayerText, names: Names, ranks: Ranks, folder: Any = None
    ) -> LayerTemplate:
        return _kind(layer)._template(layer, names, ranks, folder)


class _DensePair(TruncatedSVD):
    """InnerProduct layers: read, and written as a pair."""

    name: ClassVar[str] = KernelRidge.name

    def placed(self, model: Model, group: Group) -> np.ndarray:
        """Return the weights, with the axes of the map that the layer reads if that is known."""
        weights = self._weights(model, group)
        return weights.reshape(len(weights), *_map_read(model, group[0].name, weights.shape[1]))

    def stored(self, pairs: Sequence[_Pair], shape: Sequence[int]) -> List[np.ndarray]:
        """Return the weights of both layers."""
        (pair,) = pairs
        return [pair.right.astype(np.float32), pair.left.astype(np.float32)]


class _ConvolutionPair(ChannelSVD):
    """Convolutions: read, and written as a pair whose first layer has the window."""

    name: ClassVar[str] = KernelRidge.name

    def placed(self, model: Model, group: Group) -> np.ndarray:
        """Return the kernel."""
        return self._weights(model, group)

    def stored(self, pairs: Sequence[_Pair], shape: Sequence[int]) -> List[np.ndarray]:
        """Return the kernels of both layers.

        Args:
            pairs: Of each group.
            shape: Of the kernel.
        """
        window = shape[2:]
        first = np.concatenate([pair.right.reshape(-1, *shape[1:]) for pair in pairs])
        second = np.concatenate([pair.left for pair in pairs]).reshape(
            shape[0], -1, *(1 for _ in window)
        )
        return [first.astype(np.float32), second.astype(np.float32)]


_KINDS: Mapping[Product, Union[_DensePair, _ConvolutionPair]] = {
    Product.DENSE: _DensePair(),
    Product.CONVOLUTION: _ConvolutionPair(),
}


def _kind(layer: LayerText) -> Union[_DensePair, _ConvolutionPair]:
    product = layer_type(layer.type).product
    assert product is not None, "of a type that is taken"
    return _KINDS[product]


def _groups(layer: LayerText) -> int:
    kind = layer_type(layer.type)
    if kind.product is Product.DENSE:
        return 1
    return kind.groups(layer.parameter.convolution_param)


def _map_read(model: Model, name: str, inputs: int) -> Tuple[int, ...]:
    """Channels and sizes of the map that an InnerProduct layer reads; all inputs if it is none."""
    network = model.network()
    layers = network.find(name)
    if not layers or layers[0].text.parameter.inner_product_param.axis != 1:
        return (inputs,)
    shape = infer_shapes(network, weights=model.weights)[layers[0].bottoms[0]]
    return shape[1:] if shape is not None and prod(shape[1:]) == inputs else (inputs,)


def _of_grid(weights: np.ndarray, rank: int) -> _Pair:
    """Factors by places: shape of the weights (n, channels, *grid)."""
    found = grid_dictionary(weights, rank)
    flat = weights.reshape(len(weights), -1)
    return _Pair(found.dictionary, fitted_weights(flat, found.dictionary))


def _of_moment(weights: np.ndarray, second: np.ndarray, rank: int) -> _Pair:
    """Factors by the second moment of what is read."""
    kernel = with_ridge(second)
    places, _ = spread_places(kernel, rank)
    dictionary = ridge_dictionary(kernel, places)
    flat = weights.reshape(len(weights), -1)
    return _Pair(dictionary, fitted_weights(flat, dictionary, kernel))


def _seen(task: ChainTask) -> List[np.ndarray]:
    """For each group the second moment of what the layer reads: in the original if it is there."""
    from netsurgery.methods.fitting import in_original, only_layer

    calibrator = task.context.require_calibrator(task.edit)
    width = prod(task.weights.shape[1:])
    if width > WIDEST:
        raise PlanError(
            f"an output has {width} inputs, and {task.edit.method} looks at all pairs of at most "
            f"{WIDEST}",
            layer=task.edit.layer,
            remedy=Remedy("give {} as none", "fit"),
        )
    only = only_layer(task)
    found = in_original(only, task.context, reads=True)
    model, layer = (task.model, only) if found is None else found
    return [one.second for one in calibrator.products(model, [layer])[layer.name].groups()]


def _require_few(weights: np.ndarray, layer: str) -> None:
    places = prod(weights.shape[2:])
    if places > MOST_PLACES:
        raise PlanError(
            f"its weights lie on a grid of {places} places; kernel_ridge takes {MOST_PLACES}",
            layer=layer,
            remedy="leave it out of the plan",
        )


def _require_finite(weights: np.ndarray) -> None:
    if not np.isfinite(weights).all():
        raise ValueError("the weights hold NaN or Inf")
