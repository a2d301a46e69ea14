"""What convolution and deconvolution share: windows, groups, and channels that are new."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import FORK_FIELDS, fork_dilation, in_stock_fields
from netsurgery.layers.base import Fields, Kept, LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import CARRIES, MAKES, READS, ChannelNode, ShapeNode
from netsurgery.layers.shape import Shape, count, show
from netsurgery.layers.traits import BIAS, TRANSPOSED_WEIGHTS, WEIGHTS, BlobFacts
from netsurgery.layers.windows import Windows, read_windows

_DILATIONS = frozenset(f"convolution_param.{name}" for name in FORK_FIELDS)


class BaseConvolutionLayer(LayerType):
    """Kernels that slide over pictures.

    Attributes:
        outputs_axis: Which axis of blob 0 is that of the outputs; the other of the first two is
            that of the inputs.
    """

    bottoms = (1, None)
    tops = (1, None)
    shape_fields = frozenset({"convolution_param.kernel_depth", "convolution_param.tf_pad"})
    outputs_axis: int = 0
    message = "convolution_param"
    chooses_engine = True

    def groups(self, parameter: Any, channels: Optional[int] = None) -> int:
        """Return into how many groups a layer divides its channels.

        Args:
            parameter: Its ``ConvolutionParameter``.
            channels: How many channels it reads; as many as it makes, if not given.
        """
        return int(parameter.group)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(..., num_output, places of the window), the same for every bottom."""
        axis, windows = self._read(node)
        spatial = self.slide(windows, node, node.bottom[axis + 1 :])
        bottoms, tops = len(node.bottoms), node.tops
        node.check(bottoms == tops, f"has {bottoms} bottoms but {tops} tops")
        for shape in node.bottoms:
            text = f"convolves {show(node.bottom)} and {show(shape)} with one kernel"
            node.check(shape == node.bottom, text)
        outputs = node.parameter.convolution_param.num_output
        return [(*node.bottom[:axis], outputs, *spatial)] * tops

    def slide(self, windows: Windows, node: ShapeNode, sizes: Sequence[int]) -> Shape:
        """Return the spatial shape of a top, of that of a bottom.

        Raises:
            NetworkError: Nothing comes out.
        """
        return windows.convolve(node, sizes)

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """The kernels, the channels of a group being on the second axis; with bias_term a bias."""
        axis, windows = self._read(node)
        param, channels = node.parameter.convolution_param, node.bottom[axis]
        sizes = (param.num_output, channels)
        rows, columns = sizes[self.outputs_axis], sizes[1 - self.outputs_axis]
        kernel = (rows, columns // self.groups(param, channels), *windows.kernel)
        return [kernel, (param.num_output,)] if param.bias_term else [kernel]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The outputs are new; blob 0 is (outputs, inputs of a group, kernel) or transposed."""
        param = node.parameter.convolution_param
        axis = node.axis(param.axis)
        inputs, outputs = node.along(axis), node.make(param.num_output)
        for number in range(1, len(node.bottoms)):
            node.ties.tie(inputs, node.along(axis, number))
        group = self.groups(param, len(inputs))
        rows = inputs.reshape(group, -1), outputs.reshape(group, -1)
        sizes = rows[0].shape[1], rows[1].shape[1]
        if group > 1 and 1 in sizes:
            _tie_groups(node, *rows)
            labels = (outputs, inputs)[self.outputs_axis]
            self._use(node, {0: labels}, outputs, CARRIES)
        else:
            if group > 1:
                node.ties.balance(rows[0])
                node.ties.balance(rows[1])
            first, second = (outputs, rows[0]) if self.outputs_axis == 0 else (inputs, rows[1])
            self._use(node, {0: first, 1: second if group > 1 else second[0]}, outputs, MAKES)
        return [node.placed(outputs, axis)] * len(node.tops)

    def thinned(self, layer: Layer, kept: Kept) -> Fields:
        """``num_output``, and ``group`` where whole groups went."""
        top, bottom = kept.get(layer.tops[0]), kept.get(layer.bottoms[0])
        if top is None:
            return {}
        fields = {"convolution_param.num_output": top.size}
        group = layer.parameter.convolution_param.group
        if bottom and group > 1 and group in (len(top.mask), len(bottom.mask)):
            fields["convolution_param.group"] = group * top.size // len(top.mask)
        return fields

    def copies(self, parameter: Any) -> Sequence[int]:
        """Return where the blobs begin, and where masks of all of them do if there are such.

        Args:
            parameter: The ``ConvolutionParameter``.
        """
        return (0,)

    def _read(self, node: ShapeNode) -> Tuple[int, Windows]:
        """The channel axis and the windows, after Caffe's checks of channels and groups."""
        param = node.parameter.convolution_param
        axis = node.axis(param.axis)
        node.check(param.num_output > 0, "has no num_output, or a num_output of 0")
        channels = node.bottom[axis]
        group = self.groups(param, channels)
        node.check(group > 0, "has a group of 0")
        node.check(channels % group == 0, f"divides {channels} channels into {group} groups")
        fits = param.num_output % group == 0
        node.check(fits, f"divides {param.num_output} outputs (num_output) into {group} groups")
        return axis, read_windows(node, param, len(node.bottom) - axis - 1)

    def _use(
        self, node: ChannelNode, labels: Dict[int, np.ndarray], outputs: np.ndarray, role: str
    ) -> None:
        """Write down the weights and the bias."""
        param = node.parameter.convolution_param
        axes = len(node.shapes[0]) - node.axis(param.axis) + 1
        for start in self.copies(param):
            for axis, along in labels.items():
                reads = role == MAKES and axis != self.outputs_axis
                node.use(start, along, axis=axis, axes=axes, role=READS if reads else role)
            if param.bias_term:
                node.use(start + 1, outputs, role=role)

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """The kernels, and the bias."""
        return (TRANSPOSED_WEIGHTS if self.outputs_axis else WEIGHTS, BIAS)

    def macs(self, bottoms: Sequence[Shape], tops: Sequence[Shape], blobs: Sequence[Shape]) -> int:
        """Each output value takes one product with a filter."""
        return sum(count(top) for top in tops) * count(blobs[0][1:])

    def spoils_its_bottom(self, layer: Layer) -> bool:
        """Each output reads several inputs."""
        return True

    def stock_fields(self, layer: Layer) -> Dict[str, object]:
        """``dilation`` in the place of `hole` and its kin."""
        found = in_stock_fields(layer.parameter.convolution_param)
        return {f"convolution_param.{name}": value for name, value in found.items()}

    def grouped(self, layer: Layer, weights: np.ndarray, bottom: Shape) -> np.ndarray:
        """Return the kernels as (groups, first axis of a group, second axis, kernel)."""
        parameter = layer.parameter.convolution_param
        groups = self.groups(parameter, bottom[parameter.axis])
        first, second = weights.shape[:2]
        return weights.reshape(groups, first // groups, second, -1)

    def take_padding(self, parameter: Any, pad: int) -> None:
        """It pads in the same way."""
        parameter.convolution_param.pad[:] = [pad]

    def pads(self, layer: Layer) -> bool:
        """Where a pad is written that is not 0."""
        parameter = layer.parameter.convolution_param
        return bool(any(parameter.pad) or parameter.pad_h or parameter.pad_w)

    def describe_fork_fields(self, layer: Layer) -> str:
        """`hole` and its kin."""
        dilates = fork_dilation(layer.parameter.convolution_param) is not None
        return "hole, which is dilation" if dilates else ""

    def field_remedy(self, parameter: Any, path: str) -> Optional[str]:
        """``dilation`` in the place of `hole` and its kin."""
        if path not in _DILATIONS:
            return None
        dilation = in_stock_fields(parameter.convolution_param).get("dilation")
        words = " ".join(f"dilation: {step}" for step in dilation or ())
        return f"write {words}" if words else "remove it: 1 is no dilation"


def _tie_groups(node: ChannelNode, inputs: np.ndarray, outputs: np.ndarray) -> None:
    """With one input or one output a group, a group goes as a whole."""
    node.ties.tie(inputs, inputs[:, :1])
    node.ties.tie(outputs, inputs[:, :1])
