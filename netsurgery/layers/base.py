"""What is known of one layer type: the questions all of them answer, and the answers of most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, FrozenSet, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.layers.nodes import ChannelNode, ConstantNode, KeptAxis, ShapeNode
from netsurgery.layers.shape import Shape

if TYPE_CHECKING:
    from netsurgery.layers.layer import Layer, Value

Limits = Tuple[int, Optional[int]]
Kept = Mapping["Value", KeptAxis]
Fields = Dict[str, Any]

COMPARES = "compares them with what should come out"


class LayerType:
    """One layer type of Caffe or of a fork. There is one instance of each, which holds no state.

    A subclass in a file of its own, with ``@register_layer``, is all that a new type takes; other
    packages name such a module under the entry point group ``netsurgery.layers``. It answers what
    it knows, and inherits careful answers to the rest: shapes that nobody can tell, no blobs,
    channels of which all are kept, values that depend on the input.

    A new question (the module of PyTorch that computes the same, the nodes of ONNX) is one more
    method here, whose default says that nobody knows, and its answer in the files of the types
    that have one. Nothing outside this room asks what a layer type is called.

    Attributes:
        name: The type string in a prototxt.
        aliases: Other names under which forks have the very same layer.
        stock: The stock type that computes the same with other fields, as ``Convolution`` does
            what a depthwise convolution of a fork does; ``""`` for none.
        is_stock: Whether stock Caffe (BVLC, February 2020) has it.
        fork: The fork that has it, where that is known.
        bottoms: Fewest and most bottoms that Caffe takes (None: no limit).
        tops: Fewest and most tops.
        partial: Whether `shapes` can be asked while those of some bottoms are unknown.
        in_place: Whether Caffe lets a top be its bottom.
        region_bottom: Which bottom holds regions, one item of the tops for every row of it; None
            for none.
        shape_fields: Fields of forks that change the shapes of what it makes, as dotted paths.
        own_fields: Blocks and fields of its own that no schema has and that it reads itself, as
            dotted paths, see `LayerText.written`.
        keeps: Why it needs all channels that it reads, where it does not say what becomes of them
            but knows a reason.
    """

    name: str = ""
    aliases: Tuple[str, ...] = ()
    stock: str = ""
    is_stock: bool = False
    fork: str = ""
    bottoms: Limits = (1, 1)
    tops: Limits = (1, 1)
    partial: bool = False
    in_place: bool = True
    region_bottom: Optional[int] = None
    shape_fields: FrozenSet[str] = frozenset()
    own_fields: FrozenSet[str] = frozenset()
    keeps: str = ""

    @property
    def stock_name(self) -> str:
        """The name of the type of stock Caffe that computes the same; its own if there is none."""
        return self.stock or self.name

    @property
    def knows_shapes(self) -> bool:
        """Whether shapes are known behind layers of this type."""
        return type(self).shapes is not LayerType.shapes

    @property
    def has_blobs(self) -> bool:
        """Whether layers of this type may have blobs."""
        return type(self).blobs is not LayerType.blobs

    @property
    def follows_channels(self) -> bool:
        """Whether it is known what becomes of the channels that it reads."""
        return type(self).channels is not LayerType.channels

    @property
    def why_whole(self) -> str:
        """Why it needs all channels that it reads, where it does not say what becomes of them."""
        if self.keeps:
            return self.keeps
        return "may need each of them" if self.knows_shapes else "is of a type nothing is known of"

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """Return the shapes of the tops, in order, as Caffe's ``Reshape`` would; None for unknown.

        Raises:
            NetworkError: Caffe would refuse the layer.
        """
        return [None] * node.tops

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Return the shapes of the blobs that Caffe creates; None where forks differ in them.

        Raises:
            NetworkError: Caffe would refuse the layer.
        """
        return ()

    def channels(self, node: ChannelNode) -> Sequence[np.ndarray]:
        """Return labels of the channels of each top; tie, pin and use on the way what is known."""
        return node.barrier(self.why_whole)

    def thinned(self, layer: Layer, kept: Kept) -> Fields:
        """Return the fields of the text that change where channels go, by dotted path.

        Args:
            layer: The layer.
            kept: What stays of the values of which something goes.
        """
        return {}

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Return what each top holds whatever the net is fed; NaN where that changes."""
        return node.unknown()


class UnknownLayer(LayerType):
    """A type of which nothing is known but its name."""

    def __init__(self, name: str) -> None:
        """Take the name for what it says."""
        self.name = name
        self.aliases = ()

    @property
    def why_whole(self) -> str:
        """What a loss is for shows in its name."""
        return COMPARES if self.name.endswith("Loss") else super().why_whole
