"""What is known of one layer type: the questions all of them answer, and the answers of most."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

from netsurgery.layers.facts import LayerFacts
from netsurgery.layers.nodes import ChannelNode, ConstantNode, KeptAxis, ShapeNode
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import (
    Averaged,
    BlobFacts,
    Detection,
    Role,
    Trouble,
)

if TYPE_CHECKING:
    from netsurgery.formats import Blob, LayerWeights
    from netsurgery.layers.layer import Layer, Value
    from netsurgery.layers.linear import Linear
    from netsurgery.layers.matrix_product import MatrixProduct
    from netsurgery.layers.normalising import NormalisationBlobs
    from netsurgery.layers.scale_shift import Axis, PerChannel

Limits = Tuple[int, Optional[int]]
Kept = Mapping["Value", KeptAxis]
Fields = Dict[str, Any]

COMPARES = "compares them with what should come out"


class LayerType(LayerFacts):
    """One layer type of Caffe or of a fork. There is one instance of each, which holds no state.

    A subclass in a file of its own, with ``@register_layer``, is all that a new type takes; other
    packages name such a module under the entry point group ``netsurgery.layers``. It answers what
    it knows, and inherits careful answers to the rest: shapes that nobody can tell, no blobs,
    channels of which all are kept, values that depend on the input.

    A new question (the module of PyTorch that computes the same, the nodes of ONNX) is one more
    method here, whose default says that nobody knows, and its answer in the files of the types
    that have one. Nothing outside this room asks what a layer type is called.
    """

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

    @property
    def follows_constants(self) -> bool:
        """Whether it says what values it makes of constant ones."""
        return type(self).constants is not LayerType.constants

    @property
    def may_spread(self) -> bool:
        """Whether a layer may be one that `spreads`."""
        return type(self).spreads is not LayerType.spreads

    def groups(self, parameter: Any, channels: Optional[int] = None) -> int:
        """Return into how many groups a layer divides its channels.

        Args:
            parameter: Its ``ConvolutionParameter``.
            channels: How many channels it reads; as many as it makes, if not given.
        """
        return 1

    @property
    def multiplies(self) -> bool:
        """Whether it does what `macs` counts."""
        return type(self).macs is not LayerType.macs

    @property
    def is_per_channel(self) -> bool:
        """Whether it scales and shifts each channel, see `per_channel`."""
        return type(self).per_channel is not LayerType.per_channel

    def take_padding(self, parameter: Any, pad: int) -> None:
        """Take over the pad of a V0 net's padding layer, into a ``LayerParameter``."""
        raise NotImplementedError(f"{self.name} does not pad")

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """Return what its blobs are, in order; () where that is not known."""
        return ()

    def name_blob(self, layer: Layer, index: int) -> str:
        """Return how to call a blob of a layer: ``blob 1 (bias)``."""
        facts = self.describe_blobs(layer)
        return f"blob {index} ({facts[index].name})" if index < len(facts) else f"blob {index}"

    def macs(self, bottoms: Sequence[Shape], tops: Sequence[Shape], blobs: Sequence[Shape]) -> int:
        """Return the multiply-accumulates of a layer with these shapes.

        Elementwise work, pooling and the like count as 0.
        """
        return 0

    def linear(
        self, layer: Layer, bottoms: Sequence[Shape], blobs: Sequence[np.ndarray]
    ) -> Optional[Linear]:
        """Return what a layer multiplies by, for a type that is a `Product`; else None."""
        return None

    def matrix_product(self, layer: Layer, bottom: Shape) -> Optional[MatrixProduct]:
        """Return a layer that reads a value of that shape as a product of rows; None for no such.

        Raises:
            NetworkError: It is one that cannot be read so.
        """
        return None

    def normalisation(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """Return which blobs hold mean, variance and so on; None where there are no such."""
        return None

    def per_channel(self, layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
        """Return a layer of a net that is not being trained as a scale and a shift of channels.

        Raises:
            NetworkError: It does something else; the text says what.
        """
        raise NotImplementedError(f"{self.name} does not work channel by channel")

    def shifted(
        self, found: PerChannel, arrays: List[np.ndarray], shift: np.ndarray
    ) -> Sequence[np.ndarray]:
        """Return the blobs with which the layer adds ``shift`` to what it makes, besides."""
        assert found.shift_blob is not None, "it cannot add anything"
        place = found.shift_blob
        arrays[place] = arrays[place] + shift.reshape(arrays[place].shape)
        return arrays

    def shares_memory(self, layer: Layer) -> bool:
        """Return whether its tops are the memory of its bottom under other shapes."""
        return False

    def pads(self, layer: Layer) -> bool:
        """Return whether zeros stand beside what it reads."""
        return False

    def spoils_its_bottom(self, layer: Layer) -> bool:
        """Return whether it reads what it has overwritten already, where it computes in place."""
        return False

    def mixes_samples(self, layer: Layer) -> bool:
        """Return whether one sample of a batch changes another, or the order of the rows."""
        return False

    def open_batch(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Fields:
        """Return fields that leave the number of samples open, where it writes that out.

        Args:
            layer: The layer.
            bottoms: The shapes that it reads.

        Returns:
            New values by dotted path, with which it does the same to such bottoms.
        """
        return {}

    def normalises_by_batch(self, layer: Layer) -> bool:
        """Return whether it computes with statistics of the batch when a net is used."""
        return False

    def gathers_statistics(self, layer: Layer) -> bool:
        """Return whether it normalises by the batch, and gathers statistics, when it is trained."""
        return False

    def freezing_fields(self, layer: Layer) -> Optional[Fields]:
        """Return the fields with which a layer that gathers statistics does not; None for none."""
        return None

    def ignoring_fields(self, layer: Layer, label: int) -> Optional[Fields]:
        """Return the fields with which a layer that compares classes passes over one label.

        Args:
            layer: The layer.
            label: The label.

        Returns:
            New values by dotted path, none where it does so already; None where it cannot.
        """
        return None

    def class_mean(self, layer: Layer) -> Averaged:
        """Return over what a loss that compares classes or probabilities is a mean."""
        return Averaged.VALID

    def input_role(self, layer: Layer, bottom: int, shape: Shape) -> Role:
        """Return what the numbers of a bottom of that shape mean to it."""
        return Role.BOXES if bottom == self.region_bottom else Role.VALUES

    def vocabulary(self, layer: Layer) -> Optional[int]:
        """Return below what the ids must be that it reads; None if it reads none."""
        return None

    def class_axis(self, layer: Layer, axes: int) -> int:
        """Return the axis of classes of what it makes or compares, for softmaxes and losses."""
        return 1

    def permutation(self, layer: Layer, axes: int) -> Sequence[int]:
        """Return the axes of the bottom in the order in which the top has them."""
        return range(axes)

    def parts(self, layer: Layer, size: int) -> Optional[List[Tuple[int, int]]]:
        """Return from where to where along axis 1 of what it reads each top is cut.

        Args:
            layer: The layer.
            size: How many entries that axis has.

        Returns:
            First entry and the one behind the last, a top; None where it is not cut along there.
        """
        return None

    def classes_picked(self, layer: Layer) -> Optional[int]:
        """Return how many classes it names at each place; None if it names none."""
        return None

    def detection(self, layer: Layer) -> Optional[Detection]:
        """Return from what it chooses detections; None where it chooses none, or does not say."""
        return None

    def is_positively_homogeneous(self, layer: Layer) -> bool:
        """Return whether so many times as much of all channels gives so many times as much.

        It is asked of layers that pass channels on; products, which mix them, are homogeneous in
        what they read but for their bias.
        """
        hands_on = self.is_identity or self.reshapes or self.permutes
        return hands_on or self.is_homogeneous

    def slope_below_zero(self, layer: Layer) -> Optional[float]:
        """Return the slope below zero, for a layer that keeps what is above; else None."""
        return None

    def adds_plainly(self, layer: Layer) -> bool:
        """Return whether it makes the sum of its bottoms."""
        return False

    def needs(self, layer: Layer) -> Iterable[Trouble]:
        """Return what it needs beside the net's files."""
        return ()

    def troubles(self, node: ShapeNode, phase: str) -> Iterable[Trouble]:
        """Return what stock Caffe builds but computes otherwise than meant."""
        return ()

    def blob_troubles(self, layer: Layer, blobs: Sequence[Blob]) -> Iterable[Trouble]:
        """Return what in its weights makes it compute nonsense."""
        return ()

    def explain_shape(self, layer: Layer, blob: Blob, wanted: Shape) -> Optional[str]:
        """Return what a blob of another shape than wanted shows, for a remedy; None if nothing."""
        return None

    def explain_extra(self) -> Optional[str]:
        """Return what it means if it was saved with more blobs than Caffe creates, and a remedy."""
        return None

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """Return what OpenCV does otherwise than Caffe, as what follows its name; else None."""
        return None

    def field_remedy(self, parameter: Any, path: str) -> Optional[str]:
        """Return how stock Caffe writes what a field of a fork says; None where it cannot.

        Args:
            parameter: The ``LayerParameter`` message.
            path: The dotted path of the field.
        """
        return None

    def describe_fork_fields(self, layer: Layer) -> str:
        """Return which fields of a fork stock Caffe has under other names, and which; ``""``."""
        return ""

    def stock_words(self, layer: Layer) -> Tuple[str, ...]:
        """Return the types of stock Caffe that do the work of a fork's layer; () for none."""
        return () if layer.type == self.stock_name else (self.stock_name,)

    def stock_fields(self, layer: Layer) -> Mapping[str, object]:
        """Return the fields that stock Caffe has in place of a fork's, by path; None for none."""
        return {}

    def renamed_fields(self, layer: Layer, bottom: Optional[Shape]) -> Mapping[str, object]:
        """Return the fields to set where its one stock type's name is put in the place of its own.

        Args:
            layer: The layer.
            bottom: Shape of what it reads, if that is known.
        """
        return {}

    def stock_layers(
        self, layer: Layer, held: Sequence[Blob], fresh: Callable[[str], str]
    ) -> Optional[Tuple[bytes, List[LayerWeights]]]:
        """Return text and weights of the several layers of `stock_words`; None if there are none.

        Args:
            layer: The layer.
            held: Its blobs; () without weights.
            fresh: Makes a name that nobody has yet of one that somebody may have.
        """
        return None

    def spreads(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> bool:
        """Return whether it spreads small bottoms over large ones, as some toolchains have it."""
        return False

    def spread_remedy(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> str:
        """Return how stock Caffe writes a layer that `spreads`."""
        return ""

    def spread_in_stock(
        self, layer: Layer, bottoms: Sequence[Shape], fresh: Callable[[str], str]
    ) -> Iterable[bytes]:
        """Return the text of the layers of stock Caffe that do what one does that `spreads`."""
        return ()


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
