"""Base of the methods that put a chain of convolutions in the place of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, List, Mapping, Tuple

import numpy as np

from netsurgery.errors import NetworkError, PlanError
from netsurgery.formats import FORK_FIELDS, fork_words
from netsurgery.layers import (
    Product,
    ShapeNode,
    Windows,
    layer_type,
    read_windows,
)
from netsurgery.linalg import KernelChain, chain_energies
from netsurgery.methods.chain import ChainMethod, Found
from netsurgery.network import Layer, show

if TYPE_CHECKING:
    from netsurgery.formats import Blob, Filling, LayerText
    from netsurgery.linalg import Cost, Energies, Ranks
    from netsurgery.methods.base import Arrays
    from netsurgery.methods.chain import ChainTask
    from netsurgery.methods.pieces import Names

# Padding stands before the first layer of its axis, and no layer but the last has a bias: at the
# borders the chain reads the zeros that the original reads.
_STEPS = ("stride", "pad")
_WINDOW = ("kernel", *_STEPS)
_WINDOW_FIELDS = (
    "kernel_size",
    *_STEPS,
    "dilation",
    *FORK_FIELDS,
    *(f"{stem}_{axis}" for stem in _WINDOW for axis in "hw"),
)
SHAPE_FIELDS = ("num_output", "bias_term", "group", *_WINDOW_FIELDS)


class ConvolutionMethod(ChainMethod):
    """Base of the methods that put several convolutions in the place of one.

    Attributes:
        splits: Whether the layers run over height and width one after the other.
    """

    products: ClassVar[Tuple[Product, ...]] = (Product.CONVOLUTION,)
    splits: bool = True
    message: ClassVar[str] = "convolution_param"

    def form(self, layer: LayerText) -> Tuple[Any, ...]:
        """Return what the layer's weights must be: outputs, groups, and the window as written.

        Raises:
            PlanError: It convolves several blobs.
        """
        parameter = layer.parameter.convolution_param
        if len(layer.bottoms) != 1 or len(layer.tops) != 1:
            problem = f"it convolves {len(layer.bottoms)} blobs with one kernel"
            raise PlanError(problem, layer=layer.name, remedy="leave it out of the plan")
        kernel = (*parameter.kernel_size, parameter.kernel_h, parameter.kernel_w)
        return (parameter.num_output, _groups(layer), *kernel)

    def read(self, layer: LayerText, blob: Blob) -> np.ndarray:
        """Return the kernel, (num_output, inputs / group, *window).

        Raises:
            PlanError: It is not what the prototxt asks for, or its window has other axes than
                the method takes.
        """
        axes = len(blob.shape) - 2
        if self.splits and axes != 2:
            raise PlanError(
                f"its kernel has {axes} spatial axes; {self.name} takes two",
                layer=layer.name,
                remedy="channel_svd, input_svd and tucker take any number",
            )
        outputs, kernel = layer.parameter.convolution_param.num_output, _kernel(layer, axes)
        if axes < 0 or blob.shape[0] != outputs or blob.shape[2:] != kernel:
            raise PlanError(
                f"its weights have shape {blob.shape}, the prototxt asks for {outputs} kernels of "
                f"{show(kernel)}",
                layer=layer.name,
                remedy="prototxt and weights do not belong together; see `netsurgery doctor`",
            )
        groups = _groups(layer)
        if outputs % groups:
            raise PlanError(
                f"its {outputs} outputs do not divide into {groups} groups",
                layer=layer.name,
                remedy="see `netsurgery doctor`",
            )
        return blob.array()

    def values(self, layer: LayerText, names: Names, ranks: Ranks) -> Mapping[str, Filling]:
        """Return what to fill into the template.

        ``$window`` is the original's, as it is written there; ``$kernel_h``, ``$kernel_w``,
        ``$vertical`` and ``$horizontal`` (stride, pad and dilation) are its two axes.
        """
        from netsurgery.methods.pieces import PLACES, CarriedParameters, wiring

        parameter = layer.parameter.convolution_param
        values: dict[str, Filling] = {
            **wiring(self.message, names),
            "num_output": parameter.num_output,
            "window": CarriedParameters(self.message, only=_WINDOW_FIELDS),
        }
        if self.splits:
            windows = _windows(layer, 2)
            values["kernel_h"], values["kernel_w"] = windows.kernel
            values["vertical"] = _along(parameter, windows, 0)
            values["horizontal"] = _along(parameter, windows, 1)
        for place, rank in zip(PLACES, ranks):
            values[f"{place}_output"] = _groups(layer) * rank
        for number, place in enumerate(PLACES[: self.length]):
            last = number == self.length - 1
            values[f"{place}_parameters"] = _parameters(layer, self.message, last)
        return values


class ConvolutionChain(ConvolutionMethod):
    """Base of the methods that put a chain of convolutions in the place of one.

    A method says with ``chain`` which layer of the chain runs over the height of the window and
    which over its width; the others are 1 x 1. Where the original works in groups, all do.

    Options of an edit: ``rank``, for each group, or a list of two; ``suffixes``, the endings of
    the names; ``templates``, a folder whose templates are used. With one rank also ``split``,
    which layer takes the singular values: ``"first"``, or ``"sqrt"`` for half and half.
    """

    options: ClassVar[tuple] = ("rank", "split", "suffixes", "templates")
    chain: ClassVar[KernelChain]

    @property
    def splits(self) -> bool:  # type: ignore[override]
        """Whether the layers run over height and width one after the other."""
        return self.chain.splits

    def weights_at(self, layer: LayerText, weights: np.ndarray) -> Tuple[Ranks, Cost]:
        """Return the full ranks and the number of weights."""
        groups = _groups(layer)
        shape = weights.shape
        return self.chain.full_ranks(shape, groups), self.chain.weights(shape, groups)

    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return the spectra, and what ranks lose."""
        return chain_energies(weights, self.chain, _groups(layer))

    def factor(self, task: ChainTask) -> Found:
        """Factor the kernel of every group."""
        from netsurgery.linalg import SPLITS, factor_kernel

        split = task.option("split", SPLITS)
        groups = _groups(task.layer)
        found = factor_kernel(task.weights, self.chain, task.ranks, groups, split)
        return Found(found.kernels, found.error)

    def multiply(self, layer: LayerText, weights: Arrays) -> np.ndarray:
        """Return the one kernel that does what the chain does."""
        from netsurgery.linalg import multiply_out_chain

        return multiply_out_chain(weights, _groups(layer))


def _groups(layer: LayerText) -> int:
    return layer_type(layer.type).groups(layer.parameter.convolution_param)


def _kernel(layer: LayerText, axes: int) -> Tuple[int, ...]:
    """The window's sizes, for the number of axes that the weights tell."""
    try:
        return _windows(layer, max(axes, 0)).kernel
    except NetworkError as error:
        raise PlanError(error.problem, layer=layer.name, remedy=error.remedy) from None


def _windows(layer: LayerText, axes: int) -> Windows:
    node = ShapeNode(Layer(layer.index, layer.name, layer.type, (), (), layer.parameter, layer), ())
    return read_windows(node, layer.parameter.convolution_param, axes)


def _along(parameter: Any, windows: Windows, axis: int) -> str:
    """Stride, pad and dilation of a layer that runs over one axis of the window only."""
    lines: List[str] = []
    for name, sizes, default in (("stride", windows.stride, 1), ("pad", windows.pad, 0)):
        own = [default, default]
        own[axis] = sizes[axis]
        if own[axis] != default:
            lines += [f"{name}_h: {own[0]}", f"{name}_w: {own[1]}"]
    if windows.dilation[axis] != 1:
        own = [1, 1]
        own[axis] = windows.dilation[axis]
        # In the words of the original: a fork may have no others.
        words = fork_words(parameter)
        lines += [f"{word}: {size}" for word, size in zip(words or ("dilation",) * 2, own)]
    return "".join(f"    {line}\n" for line in lines)


def _parameters(layer: LayerText, message: str, last: bool) -> Filling:
    """The fields of the layer's parameter that say nothing of shapes, its groups, and its bias."""
    from netsurgery.methods.pieces import CarriedParameters

    parameter = layer.parameter.convolution_param
    groups = _groups(layer)
    lines = f"    group: {groups}\n" if groups != 1 else ""
    if last and not parameter.bias_term:
        lines = "    bias_term: false\n" + lines
    left_out = SHAPE_FIELDS if last else (*SHAPE_FIELDS, "bias_filler")
    return lines, CarriedParameters(message, left_out)
