"""The pair that was written, held against what was meant: number by number, nothing is run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Collection, Container, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.formats import SHARED, Blob, LayerWeights, Weights, aligned
from netsurgery.linalg import let_go
from netsurgery.network import Masks, Model, Network, ParameterKey

_BLOCK = 1 << 24
_MEANT = {False: "the original's file", True: "what surgery made"}


class Key(NamedTuple):
    """A blob of a layer by its number, or one of several layers of a name by its number."""

    layer: str
    number: int


@dataclass(frozen=True)
class Written:
    """What reading a pair back showed. Truthy when it is the one that was meant.

    Attributes:
        untouched: Number of blobs that are those of the original's file.
        made: Number of blobs that are those that surgery made.
        reasons: What is wrong, a line each.
    """

    untouched: int
    made: int
    reasons: Tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.reasons

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as JSON takes it."""
        return {
            "passed": bool(self),
            "untouched_blobs": self.untouched,
            "made_blobs": self.made,
            "reasons": list(self.reasons),
        }


def compare_written(
    original: Model, made: Model, written: Model, touched: Container[str]
) -> Written:
    """Hold a pair that this package wrote against what it was to write.

    The text must be, byte for byte, what surgery made; the layers in the weights must be those of
    surgery, in their order; and every blob must hold, bit for bit in the type that it is stored in,
    the numbers of the original's own file, or of surgery where that touched the layer.

    Args:
        original: The model before surgery.
        made: The model as surgery left it in memory.
        written: The pair, read back.
        touched: Names of the layers whose weights surgery took away or put in.
    """
    check, (before, after, now) = _Check(touched), _weights_of(original, made, written)
    check.compare_texts(made, written)
    check.allow_types(before, after)
    in_order = after.format != "hdf5"  # which knows no names of nets, and sorts its groups
    for what in ("version", "name") if in_order else ():
        wanted, found = getattr(after, what), getattr(now, what)
        if wanted != found:
            check.reasons.append(f"the {what} of the written weights is {found!r}, not {wanted!r}")
    source, meant, there = _numbered(before), _numbered(after), _numbered(now)
    for key in dict.fromkeys((*meant, *there)):
        if key not in there:
            check.reasons.append(f"layer {key[0]!r} is not in the written weights")
        elif key not in meant:
            check.reasons.append(f"layer {key[0]!r} was not to be in the written weights")
        else:
            check.compare_layers((meant if key[0] in touched else source)[key], there[key])
    if in_order and not check.reasons and list(meant) != list(there):
        check.reasons.append("the layers of the written weights stand in another order")
    return check.result()


def compare_saved(original: Model, made: Model, written: Model, touched: Container[str]) -> Written:
    """Hold a pair whose weights pycaffe wrote against what it was to write.

    Caffe saves the layers that it has built, in float32, every blob in its net's shape, and what
    layers share with each of them: the numbers must be the same, the layout is Caffe's own.

    Args:
        original: The model before surgery.
        made: The model as surgery left it in memory.
        written: The pair, read back.
        touched: Names of the layers whose weights surgery took away or put in.
    """
    check, (before, after, now) = _Check(touched), _weights_of(original, made, written)
    check.compare_texts(made, written)
    for (name, index), (owner, blob) in _loaded(made.network(), before, after, touched).items():
        found = now.blobs(name)
        if index < len(found) and found[index] is not SHARED:
            check.compare_blobs(Key(name, index), blob, found[index], owner in touched, loose=True)
        elif name == owner:
            check.reasons.append(f"blob {index} of layer {name!r} is not in the written weights")
    built = {layer.name for layer in made.network().layers}
    for layer in (layer for layer in now.layers if layer.blobs):
        wanted = len(after.blobs(layer.name))
        # What the file holds nothing for, Caffe fills as the prototxt says, and saves.
        if layer.name not in built or 0 < wanted < len(layer.blobs):
            check.reasons.append(f"layer {layer.name!r} was not to be so in the written weights")
    return check.result()


def zero_faults(
    written: Model, masks: Masks, original: Model, moved: Collection[ParameterKey] = ()
) -> Tuple[str, ...]:
    """Return what is wrong with weights that were written, a line each; nothing where all is right.

    They are zero wherever a mask closes them. Where it leaves them open they are the original's,
    bit for bit, but for those that were to move.

    Args:
        written: The pair, read back.
        masks: Which weights are free.
        original: The net before.
        moved: Blobs whose open weights were to move: solved anew, or trained.
    """
    found = []
    for key, free in masks.items():
        name, index = key
        blob, before = written.blobs(name)[index], original.blobs(name)[index]
        now = blob.array()
        held = int(np.count_nonzero(now[~free]))
        if held:
            found.append(f"layer {name!r}: {held} weights are not zero that its mask closes")
        if key in moved:
            continue
        other = int(np.count_nonzero(_bits(now[free]) != _bits(before.array()[free])))
        if other:
            found.append(
                f"layer {name!r}: {other} weights that its mask leaves open are not the original's"
            )
    return tuple(found)


def _weights_of(*models: Model) -> List[Weights]:
    return [model.weights for model in models if model.weights is not None]


def _loaded(
    network: Network, before: Weights, after: Weights, touched: Container[str]
) -> Dict[Key, Tuple[str, Blob]]:
    """What Caffe loads into each blob of a net that the weights have, and the layer it is from.

    It copies what the file holds for each layer in turn, also into memory that several share.
    """
    alone = {
        Key(layer.name, index): [Key(layer.name, index)]
        for layer in network.layers
        for index in range(len(after.blobs(layer.name)))
    }
    for group in network.shared_parameters:
        members = [Key(layer.name, index) for layer, index in group.members]
        alone.update({key: members for key in members if key in alone})
    order = {layer.name: place for place, layer in enumerate(after.layers)}
    found = {}
    for key, members in alone.items():
        blobs = {
            member: (member.layer, own[member.number])
            for member in sorted(members, key=lambda one: order.get(one.layer, -1))
            for own in [(after if member.layer in touched else before).blobs(member.layer)]
            if member.number < len(own) and own[member.number] is not SHARED
        }
        if blobs:
            found[key] = [*blobs.values()][-1]
    return found


def same_numbers(a: Sequence[Blob], b: Sequence[Blob]) -> bool:
    """Whether two layers hold as many blobs of the same numbers, stored in whatever form."""
    if len(a) != len(b):
        return False
    return all(
        one.count == other.count and not count_differences(*sorted((one, other), key=_width))
        for one, other in zip(a, b)
    )


def _width(blob: Blob) -> int:
    return np.dtype(blob.storage).itemsize


class _Check:
    """Counts what is right, and collects what is wrong."""

    def __init__(self, touched: Container[str]) -> None:
        self._touched = touched
        self._counts = [0, 0]
        self._halves = self._single = False
        self.reasons: List[str] = []

    def allow_types(self, before: Weights, after: Weights) -> None:
        """Let numbers be stored in half as many bytes where the original stores some so."""
        kinds = {blob.storage for layer in before.layers for blob in layer.blobs}
        self._halves = "float16" in kinds
        self._single = after.format == "hdf5"

    def result(self) -> Written:
        return Written(self._counts[False], self._counts[True], tuple(self.reasons))

    def compare_texts(self, made: Model, written: Model) -> None:
        wanted, found = made.prototxt.data, written.prototxt.data
        if wanted == found:
            return
        pairs = zip_longest(wanted.splitlines(True), found.splitlines(True), fillvalue=b"")
        line = next(number for number, (a, b) in enumerate(pairs, 1) if a != b)
        starts = [text for text in made.prototxt.layers if text.line <= line]
        where = f", in layer {starts[-1].name!r}" if starts else ""
        self.reasons.append(f"the written prototxt is not what surgery made: line {line}{where}")

    def compare_layers(self, wanted: LayerWeights, found: LayerWeights) -> None:
        if _same_bytes(wanted, found):
            self._counts[wanted.name in self._touched] += len(found.blobs)
            return
        name, blobs, there = wanted.name, _stored(wanted.blobs), _stored(found.blobs)
        if wanted.type and found.type and wanted.type != found.type:
            self.reasons.append(f"layer {name!r} is written as {found.type}, not {wanted.type}")
        if len(blobs) != len(there):
            self.reasons.append(
                f"layer {name!r} is written with {len(there)} blobs, not {len(blobs)}"
            )
        for index, (blob, other) in enumerate(zip(blobs, there)):
            self.compare_blobs(Key(name, index), blob, other, name in self._touched)

    def compare_blobs(
        self, key: Key, wanted: Blob, found: Blob, made: bool, loose: bool = False
    ) -> None:
        """Compare two blobs; ``loose``: in whatever shape and type Caffe holds them."""
        problem = None
        if not (_alike(wanted, found) or (loose and _may_be_alike(wanted, found))):
            problem = f"has shape {found.shape}, not {wanted.shape}, that of"
        elif not (loose or self._may_be_stored(wanted.storage, found.storage)):
            problem = f"is stored as {found.storage}, not as {wanted.storage}, the type of"
        elif different := count_differences(wanted, found):
            problem = f"has {different} of {found.count} numbers other than"
        if problem is None:
            self._counts[made] += 1
            return
        self.reasons.append(
            f"written blob {key.number} of layer {key.layer!r} {problem} {_MEANT[made]}"
        )

    def _may_be_stored(self, wanted: str, found: str) -> bool:
        """Whether the writer may store numbers that are held in one type in another."""
        widened = found == "float32" and (self._single or wanted != "float64")
        return found == wanted or widened or (self._halves and found == "float16")


def _numbered(weights: Weights) -> Dict[Key, LayerWeights]:
    """Layers by their name, and their number among those of that name."""
    seen: Counter[str] = Counter()
    found = {}
    for layer in weights.layers:
        # HDF5 cannot hold layers without blobs of some names, and nobody misses them.
        if layer.blobs or weights.format != "hdf5":
            found[Key(layer.name, seen[layer.name])] = layer
            seen[layer.name] += 1
    return found


def _stored(blobs: Sequence[Blob]) -> Sequence[Blob]:
    """The blobs up to the last one that a file holds: HDF5 leaves what is shared to its owner."""
    last = max((i for i, blob in enumerate(blobs) if blob is not SHARED), default=-1)
    return blobs[: last + 1]


def _same_bytes(a: LayerWeights, b: LayerWeights) -> bool:
    """Whether two files hold the very same bytes of a layer: then nothing in them differs."""
    if a.extent is None or b.extent is None or a.extent.version != b.extent.version:
        return False
    sizes = [extent.stop - extent.start for extent in (a.extent, b.extent)]
    if sizes[0] != sizes[1]:
        return False
    for start in range(0, sizes[0], _BLOCK):
        count = min(_BLOCK, sizes[0] - start)
        first, second = (extent.part(start, count) for extent in (a.extent, b.extent))
        if not np.array_equal(first, second):
            return False
        let_go(first)
        let_go(second)
    return True


def _alike(a: Blob, b: Blob) -> bool:
    return (a.shape, a.legacy) == (b.shape, b.legacy)


def _may_be_alike(a: Blob, b: Blob) -> bool:
    """Whether both are one parameter: Caffe's old shapes have four axes, whatever the layer's."""
    return [size for size in a.shape if size != 1] == [size for size in b.shape if size != 1]


def count_differences(wanted: Blob, found: Blob) -> int:
    """Count the numbers that are not those wanted, bit for bit, in the type they are stored in."""
    with np.errstate(over="ignore", invalid="ignore"):
        return sum(
            int(np.count_nonzero(_bits(a.astype(b.dtype)) != _bits(b)))
            for a, b in aligned(wanted, found)
        )


def _bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
