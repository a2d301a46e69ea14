"""What a layer type says of itself, without looking at a layer."""

from __future__ import annotations

from typing import FrozenSet, Mapping, Optional, Tuple

from netsurgery.layers.traits import Compared, DataSource, Product

Limits = Tuple[int, Optional[int]]


class LayerFacts:
    """Facts of a layer type; a type states those that differ from these.

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
        learns_shapes: Whether `shapes` may look at the shapes of trained blobs and at readers;
            other types are shown neither.
        shape_fields: Fields of forks that change the shapes of what it makes, as dotted paths.
        own_fields: Blocks and fields of its own that no schema has and that it reads itself, as
            dotted paths, see `LayerText.written`.
        keeps: Why it needs all channels that it reads, where it does not say what becomes of them
            but knows a reason.
        message: The field of ``LayerParameter`` that holds its parameters, ``"pooling_param"``.
        chooses_engine: Whether that has a field ``engine``, Caffe or cuDNN.
        in_release: Whether stock Caffe had it in the release 1.0 of April 2017, if at all.
        late_fields: Fields of its message that came behind that release.
        product: How it multiplies by its weights, as they are stored; None if it does not.
        is_input: Whether its tops are inputs of the net.
        feeds_itself: Whether, without bottoms, it makes what it says itself: constants, random
            numbers, a blob of its own.
        data: What it reads, for one without bottoms that is no input.
        compares: What its first bottom holds, for one that trains or tests a net.
        is_identity: Whether it hands on what it reads, when a net is used.
        is_noise: Whether it throws away by chance, when a net is trained, and hands on otherwise.
        reshapes: Whether it does so under another shape.
        permutes: Whether it does so with the axes in another order, see `permutation`.
        is_homogeneous: Whether what it makes of a channel is so many times as much where what it
            reads of that is, see `is_positively_homogeneous`.
        is_softmax: Whether it makes scores that add up to one, along `class_axis`.
        squashes: Whether large differences of what it reads may be none of what it makes.
        picks_classes: Whether it tells which scores are the largest, see `classes_picked`.
        makes_probabilities: Whether each number that it makes is a probability of its own.
        makes_unit_vectors: Whether it makes vectors of one length.
        mixes_places: Whether every number that it makes depends on all places of a picture.
        fixed_by_shapes: Whether what it makes depends on the shapes that it reads alone.
        may_be_zero: Whether its first blob is zero in good nets.
        inserted_by_caffe: Whether Caffe puts such layers in where several read one value.
        opencv_names_tops: Whether OpenCV calls what it makes of a layer like the layer's tops.
        opencv_names: Those of its names that OpenCV's importer knows.
        opencv_fields: Fields of its message that are a fork's, but in OpenCV's own schema.
        opencv_stumbles: Fields of its message that are stock Caffe's, but not in that schema.
        alias_forks: The fork that has it under an alias, where that is known.
        stock_needs: What more it takes to write it as its `stock` type, behind a sentence.
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
    learns_shapes: bool = False
    shape_fields: FrozenSet[str] = frozenset()
    own_fields: FrozenSet[str] = frozenset()
    keeps: str = ""
    message: str = ""
    chooses_engine: bool = False
    in_release: bool = True
    late_fields: Tuple[str, ...] = ()
    product: Optional[Product] = None
    is_input: bool = False
    feeds_itself: bool = False
    data: Optional[DataSource] = None
    compares: Optional[Compared] = None
    is_identity: bool = False
    is_noise: bool = False
    reshapes: bool = False
    permutes: bool = False
    is_homogeneous: bool = False
    is_softmax: bool = False
    squashes: bool = False
    picks_classes: bool = False
    makes_probabilities: bool = False
    makes_unit_vectors: bool = False
    mixes_places: bool = False
    fixed_by_shapes: bool = False
    may_be_zero: bool = False
    inserted_by_caffe: bool = False
    opencv_names: Tuple[str, ...] = ()
    opencv_names_tops: bool = False
    opencv_fields: Tuple[str, ...] = ()
    opencv_stumbles: Tuple[str, ...] = ()
    alias_forks: Mapping[str, str] = {}
    stock_needs: str = ""

    @property
    def stock_name(self) -> str:
        """The name of the type of stock Caffe that computes the same; its own if there is none."""
        return self.stock or self.name

    @property
    def is_loss(self) -> bool:
        """Whether its first top adds to the loss of a net without being told so."""
        return self.name.endswith("Loss")

    @property
    def makes_detections(self) -> bool:
        """Whether it makes lists of detections, a row of seven numbers each."""
        return self.name.endswith("DetectionOutput")

    def fork_of(self, name: str) -> str:
        """Return the fork that has it under one of its names; ``""`` where that is not known."""
        return self.fork if name == self.name else self.alias_forks.get(name, "")

    def has_stock_name(self, name: str) -> bool:
        """Return whether one of its names is that of stock Caffe's type."""
        return self.is_stock and name == self.name
