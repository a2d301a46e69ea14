"""Nets in which some channels say what others say already, one for each way of being read."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import numpy as np
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line

from netsurgery.calibration.measuring import ObservedValue
from netsurgery.formats.weights import LayerWeights
from netsurgery.network.channels import ChannelGroup, channel_groups
from netsurgery.network.model import Model

FIRST = (
    declared("x", 2, 3, 7, 7)
    + line("Convolution", "c", ["x"], ["c"], CONVOLUTION % "num_output: 8 pad: 1")
    + line("ReLU", "r", ["c"], ["c"])
)
SMOOTH = line(
    "Pooling", "p", ["c"], ["p"], "pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 }"
)
SHARED = CONVOLUTION % "num_output: 4" + ' param { name: "w" } param { name: "b" }'


def _reader(kind: str, body: str, bottom: str = "c", name: str = "d") -> str:
    return line(kind, name, [bottom], [name], body)


def _last(bottom: str = "d", name: str = "o") -> str:
    return line("InnerProduct", name, [bottom], [name], "inner_product_param { num_output: 3 }")


# For each net, the channels of "c" that are to be made equal: the second is cut.
Twins = Sequence[Tuple[int, int]]
PAIR: Twins = [(2, 5)]
NETS: Dict[str, Tuple[str, Twins]] = {
    "padded": (
        FIRST + _reader("Convolution", CONVOLUTION % "num_output: 6 pad: 1") + _last(),
        PAIR,
    ),
    "dilated": (
        FIRST
        + _reader("Convolution", CONVOLUTION % "num_output: 6 dilation: 2 stride: 2")
        + _last(),
        PAIR,
    ),
    "without bias": (
        FIRST + _reader("Convolution", CONVOLUTION % "num_output: 6 bias_term: false") + _last(),
        PAIR,
    ),
    "grouped": (
        FIRST + _reader("Convolution", CONVOLUTION % "num_output: 6 group: 2 pad: 1") + _last(),
        [(0, 2), (7, 4)],
    ),
    "deconvolution": (
        FIRST + _reader("Deconvolution", CONVOLUTION % "num_output: 6 stride: 2") + _last(),
        PAIR,
    ),
    "grouped deconvolution": (
        FIRST + _reader("Deconvolution", CONVOLUTION % "num_output: 6 group: 2") + _last(),
        [(0, 2), (7, 4)],
    ),
    "inner product": (FIRST + _last("c"), PAIR),
    "transposed": (
        FIRST + _reader("InnerProduct", "inner_product_param { num_output: 4 transpose: true }"),
        PAIR,
    ),
    "flattened": (FIRST + line("Flatten", "f", ["c"], ["f"]) + _last("f"), PAIR),
    "several readers": (
        FIRST
        + _reader("Convolution", CONVOLUTION % "num_output: 6")
        + _reader("Convolution", CONVOLUTION % "num_output: 2 stride: 2", name="e")
        + _last()
        + _last("e", "q"),
        PAIR,
    ),
    "concat": (
        FIRST
        + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 4 pad: 1")
        + line("Concat", "k", ["a", "c"], ["k"])
        + _reader("Convolution", CONVOLUTION % "num_output: 6", "k")
        + _last(),
        PAIR,
    ),
    "residual": (
        FIRST
        + line("Convolution", "a", ["c"], ["a"], CONVOLUTION % "num_output: 8 pad: 1")
        + line("Eltwise", "s", ["a", "c"], ["s"])
        + line("ReLU", "t", ["s"], ["s"])
        + _reader("Convolution", CONVOLUTION % "num_output: 6", "s")
        + _last(),
        PAIR,
    ),
    "depthwise": (
        FIRST
        + line("Convolution", "a", ["c"], ["a"], CONVOLUTION % "num_output: 8 group: 8")
        + _reader("Convolution", CONVOLUTION % "num_output: 6", "a")
        + _last(),
        PAIR,
    ),
    "normalised": (
        FIRST
        + line("BatchNorm", "n", ["c"], ["c"])
        + line("Scale", "m", ["c"], ["c"], "scale_param { bias_term: true }")
        + _reader("Convolution", CONVOLUTION % "num_output: 6", "c")
        + _last(),
        PAIR,
    ),
    "three axes": (
        declared("x", 2, 3, 5, 5, 5)
        + line("Convolution", "c", ["x"], ["c"], CONVOLUTION % "num_output: 8")
        + line("ReLU", "r", ["c"], ["c"])
        + _reader("Convolution", CONVOLUTION % "num_output: 4")
        + _last(),
        PAIR,
    ),
    "shared weights": (
        FIRST
        + SMOOTH
        + _reader("Convolution", SHARED)
        + _reader("Convolution", SHARED, "p", "e")
        + _last()
        + _last("e", "q"),
        PAIR,
    ),
    "two bottoms": (
        FIRST
        + SMOOTH
        + line("Convolution", "d", ["c", "p"], ["d", "e"], CONVOLUTION % "num_output: 4")
        + _last()
        + _last("e", "q"),
        PAIR,
    ),
    "sliced": (
        FIRST
        + line("Slice", "s", ["c"], ["s1", "s2"], "slice_param { slice_point: 4 }")
        + _reader("Convolution", CONVOLUTION % "num_output: 4", "s1")
        + _reader("Convolution", CONVOLUTION % "num_output: 4", "s2", "e")
        + _last()
        + _last("e", "q"),
        [(0, 2), (7, 4)],
    ),
    "axis 2": (
        declared("x", 2, 5, 6)
        + line("InnerProduct", "c", ["x"], ["c"], "inner_product_param { num_output: 8 axis: 2 }")
        + line("ReLU", "r", ["c"], ["c"])
        + _reader("InnerProduct", "inner_product_param { num_output: 3 axis: 2 }"),
        PAIR,
    ),
}


def net_with_twins(name: str) -> Tuple[Model, List[int]]:
    """A net of random weights with equal channels, and the channels of "c" without the second."""
    text, twins = NETS[name]
    model = with_random_weights(text, 3)
    group = group_of(model, "c")
    for first, second in twins:
        model = _made_equal(model, group, first, second)
    gone = {second for _, second in twins}
    return model, [channel for channel in range(group.channels) if channel not in gone]


def group_of(model: Model, name: str) -> ChannelGroup:
    return next(group for group in channel_groups(model) if group.name == name)


def _made_equal(model: Model, group: ChannelGroup, first: int, second: int) -> Model:
    """Have everything that makes or carries the second channel do what it does for the first."""
    assert model.weights is not None
    for cut in group.members:
        if cut.role != "reads":
            blobs = list(model.blobs(cut.layer.name))
            array = np.moveaxis(blobs[cut.blob].array().copy(), cut.axis, 0)
            array[cut.indices(second)] = array[cut.indices(first)]
            blobs[cut.blob] = blobs[cut.blob].filled(np.moveaxis(array, 0, cut.axis))
            changed = LayerWeights(cut.layer.name, cut.layer.type, tuple(blobs))
            model = Model(model.prototxt, model.weights.replace({cut.layer.name: [changed]}))
    return model


class ErrorObserver:
    """How far values are from those of the second of two models, of which a part is left.

    Attributes:
        error: Sum of squared differences.
        whole: Sum of squares.
    """

    def __init__(self, model: Model, layers: Sequence[str], kept: dict) -> None:
        tops = [
            top for layer in model.network().layers if layer.name in layers for top in layer.tops
        ]
        self.pairs = [(ObservedValue(value), ObservedValue(value, 1)) for value in tops]
        self.kept, self.error, self.whole = kept, 0.0, 0.0

    @property
    def sources(self) -> List[ObservedValue]:
        return [source for pair in self.pairs for source in pair]

    def add(self, seen: dict) -> None:
        for a, b in self.pairs:
            axis, kept = self.kept.get(a.value, (0, np.arange(len(seen[a]))))
            wanted = seen[a].take(kept, axis).astype(np.float64)
            self.error += float(np.square(wanted - seen[b]).sum())
            self.whole += float(np.square(wanted).sum())

    @property
    def relative(self) -> float:
        return float(np.sqrt(self.error / self.whole))
