"""Blobs and the layers that own them: shapes known, numbers read when asked for."""

from __future__ import annotations

import math
from array import array as typed_array
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    Iterator,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
)

import numpy as np

from netsurgery.formats.caffemodel.wire import Bytes, buffer_of
from netsurgery.formats.digest import sha256
from netsurgery.linalg import Factored, let_go

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

BLOCK = 1 << 22


class Values(Protocol):
    """Where a blob's numbers are.

    A codec is one more class of these: it says how its numbers are stored, and decodes them a
    piece at a time.
    """

    @property
    def dtype(self) -> np.dtype:
        """How each number is stored."""

    @property
    def count(self) -> int:
        """How many there are."""

    def pieces(self) -> Iterator[np.ndarray]:
        """One-dimensional views of them, in order; not always aligned or contiguous."""


class Runs:
    """Numbers in a buffer, in runs of equal spacing: chunked, unpacked or whole fields."""

    def __init__(self, data: Bytes, dtype: str) -> None:
        self.data = data
        self.dtype = np.dtype(dtype)
        self.count = 0
        self._runs = typed_array("q")

    def add(self, start: int, count: int, stride: Optional[int] = None) -> None:
        """Append `count` numbers, the first at offset `start`, `stride` bytes apart."""
        if count:
            self._runs.extend((start, count, stride or self.dtype.itemsize))
            self.count += count

    def pieces(self) -> Iterator[np.ndarray]:
        """Views of the buffer, one a run."""
        runs, data = iter(self._runs), buffer_of(self.data)
        for start, count, stride in zip(runs, runs, runs):
            yield np.ndarray((count,), self.dtype, data, start, (stride,))


class Held:
    """Numbers that are in memory as an array."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self.dtype = values.dtype
        self.count = values.size

    def __setstate__(self, state: Dict[str, Any]) -> None:
        vars(self).update(state)
        self._values.setflags(write=False)  # which pickling forgets

    def pieces(self) -> Iterator[np.ndarray]:
        """The array, flat."""
        yield self._values.reshape(-1)


class Rounded:
    """Numbers kept elsewhere, rounded when they are read."""

    def __init__(self, values: Values, dtype: str) -> None:
        self._values = values
        self.dtype = np.dtype(dtype)
        self.count = values.count

    def pieces(self) -> Iterator[np.ndarray]:
        """The numbers, rounded a block at a time."""
        for block in _blocks(self._values):
            # Not by whoever writes the file: some HDF5 libraries round to float16 wrongly.
            with np.errstate(over="ignore", under="ignore"):
                yield block.astype(self.dtype)


class Blob:
    """One parameter array of a layer. Immutable, and read only when asked for.

    Attributes:
        shape: Its shape; a legacy blob has always four axes.
        legacy: The shape is in num, channels, height, width, which Caffe compares from the end.
        note: What a reader should know of where the numbers come from, or ``""``.
        mask: Of its shape, False for the numbers that pruning holds at zero; None where it holds
            none. The numbers stay what they are: only `masked` multiplies.
    """

    def __init__(
        self,
        shape: Sequence[int],
        values: Values,
        *,
        legacy: bool = False,
        note: str = "",
        mask: Optional[np.ndarray] = None,
    ) -> None:
        self.shape = tuple(shape)
        self.legacy = legacy
        self.note = note
        self.mask = mask
        self._values = values

    @classmethod
    def of(cls, values: ArrayLike, *, storage: str = "float32") -> Blob:
        """A blob of the given numbers, stored as ``"float16"``, ``"float32"`` or ``"float64"``.

        A read-only array of that type is shared, anything else is copied.
        """
        dtype = np.dtype(storage).newbyteorder("<")
        given = np.asarray(values)
        held = np.array(given, dtype, order="C", copy=True) if _changeable(given, dtype) else given
        held.setflags(write=False)
        return cls(held.shape, Held(held))

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def factors(self) -> Optional[Factored]:
        """What it is the product of, where it is multiplied out only when it is read."""
        return getattr(self._values, "factors", None)

    @property
    def storage(self) -> str:
        """How the file stores each number: ``float32``, ``float64``, ``float16`` and so on."""
        return self._values.dtype.name

    @property
    def itemsize(self) -> int:
        """Bytes of each number."""
        return self._values.dtype.itemsize

    def array(self, dtype: DTypeLike = np.float32) -> np.ndarray:
        """The numbers as a read-only, aligned, C-contiguous array.

        It is a view of the file when they lie there in one piece, in this dtype, at an aligned
        offset; else a copy.
        """
        wanted = np.dtype(dtype)
        pieces = self._values.pieces()
        first = next(pieces, np.empty(0, wanted))
        if self._lies_whole(first, wanted) and first.flags.aligned:
            flat = first.reshape(self.shape)
        else:
            flat = _gather(chain([first], pieces), self.count, wanted).reshape(self.shape)
        flat.setflags(write=False)
        return flat

    def view(self, dtype: DTypeLike = np.float32) -> np.ndarray:
        """The numbers as a read-only, C-contiguous array, which need not be aligned.

        It is a view of the file when they lie there in one piece, in this dtype; else a copy. BLAS
        takes no unaligned array: what multiplies a large one copies it a block at a time.
        """
        wanted = np.dtype(dtype)
        first = next(self._values.pieces(), np.empty(0, wanted))
        if not self._lies_whole(first, wanted):
            return self.array(dtype)
        found = first.reshape(self.shape)
        found.setflags(write=False)
        return found

    def _lies_whole(self, first: np.ndarray, wanted: np.dtype) -> bool:
        """Whether the first of its pieces is all of it, in that dtype."""
        return bool(first.size == self.count and first.dtype == wanted and first.flags.c_contiguous)

    def blocks(self) -> Iterator[np.ndarray]:
        """The numbers as flat views of at most `BLOCK`, as stored and perhaps not aligned."""
        return _blocks(self._values)

    @cached_property
    def digest(self) -> str:
        """A sha256 of its shape and of its numbers as they are stored, whatever holds them.

        Read a block at a time, when it is first asked for.
        """
        stored = self._values.dtype.str if self.count else ""  # no file tells the type of nothing
        facts = (self.shape, self.legacy, stored)
        found = sha256(repr(facts).encode())
        for block in self.blocks():
            found.update(np.ascontiguousarray(block).view("u1"))
        return found.hexdigest()

    def count_nonfinite(self) -> int:
        """How many numbers are NaN or infinite, found without holding the blob in memory."""
        return sum(block.size - int(np.isfinite(block).sum()) for block in self.blocks())

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether Caffe would load this blob into a parameter of that shape.

        A legacy blob fits a shape of up to four axes that equals its own from the end, with 1
        for the axes that are not there.
        """
        if not self.legacy:
            return self.shape == tuple(shape)
        return len(shape) <= 4 and self.shape == (1,) * (4 - len(shape)) + tuple(shape)

    def reshape(self, shape: Sequence[int]) -> Blob:
        """The same numbers under another shape, not legacy.

        Raises:
            ValueError: The shape has another number of elements.
        """
        if math.prod(shape) != self.count:
            raise ValueError(f"{self.shape} has not as many elements as {tuple(shape)}")
        mask = None if self.mask is None else self.mask.reshape(shape)
        return Blob(shape, self._values, note=self.note, mask=mask)

    def rounded(self, dtype: str) -> Blob:
        """The same numbers stored as ``"<f2"``, ``"<f4"`` or ``"<f8"``, whether that holds them."""
        values = Rounded(self._values, dtype)
        return Blob(self.shape, values, legacy=self.legacy, mask=self.mask)

    def filled(self, values: ArrayLike) -> Blob:
        """A blob of the same shape and mask with other numbers, as many, stored as float32.

        Raises:
            ValueError: They are not as many.
        """
        held = Blob.of(np.reshape(values, self.shape))._values
        return Blob(self.shape, held, legacy=self.legacy, mask=self.mask)

    def with_mask(self, mask: Optional[ArrayLike]) -> Blob:
        """The same numbers under another mask, or under none.

        Args:
            mask: True for the numbers that are free, False for those that are to be zero.

        Raises:
            ValueError: It has another shape.
        """
        held = None if mask is None else np.array(mask, bool)
        if held is not None:
            if held.shape != self.shape:
                raise ValueError(f"a mask of shape {held.shape} for a blob of {self.shape}")
            held.setflags(write=False)
        return Blob(self.shape, self._values, legacy=self.legacy, note=self.note, mask=held)

    def masked(self) -> Blob:
        """The blob with zeros where its mask closes; itself without one, or if they are zero."""
        if self.mask is None or not self.count_unmasked():
            return self
        dtype = np.float64 if self.storage == "float64" else np.float32
        held = Blob.of(np.where(self.mask, self.array(dtype), dtype(0)), storage=self.storage)
        return Blob(self.shape, held._values, legacy=self.legacy, mask=self.mask)

    def count_unmasked(self) -> int:
        """How many of the numbers that its mask closes are not zero."""
        return 0 if self.mask is None else int(np.count_nonzero(self.array()[~self.mask]))

    def __getstate__(self) -> Dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "digest"}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        vars(self).update(state)
        if self.mask is not None:
            self.mask.setflags(write=False)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # There is but one of it, in every process.
        return "SHARED" if self is SHARED else super().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"Blob({self.shape}, {self.storage!r})"


SHARED = Blob((0,), Held(np.empty(0, np.float32)), note="the layer shares it; the owner has it")
"""Stands for a blob that an HDF5 file leaves to the owner of a shared parameter."""


def _changeable(values: np.ndarray, dtype: np.dtype) -> bool:
    """Whether `values` must be copied to be held as an immutable array of that dtype."""
    flags = values.flags
    return values.dtype != dtype or flags.writeable or not (flags.c_contiguous and flags.aligned)


def _blocks(values: Values) -> Iterator[np.ndarray]:
    for piece in values.pieces():
        for start in range(0, len(piece), BLOCK):
            block = piece[start : start + BLOCK]
            yield block
            let_go(block)


def _gather(pieces: Iterable[np.ndarray], count: int, dtype: np.dtype) -> np.ndarray:
    flat = np.empty(count, dtype)
    start = 0
    # Caffe casts a double that float32 cannot hold to infinity, and says nothing.
    with np.errstate(over="ignore", invalid="ignore"):
        for piece in pieces:
            flat[start : start + len(piece)] = piece
            start += len(piece)
    return flat


class Extent(NamedTuple):
    """Bytes of a caffemodel that are written back as they are."""

    data: Bytes
    start: int
    stop: int
    version: str = ""

    def whole(self) -> memoryview:
        """All bytes of what it is a part of."""
        return memoryview(buffer_of(self.data))

    def part(self, start: int, count: int) -> np.ndarray:
        """Some of its bytes, as a view of the file."""
        return np.ndarray((count,), np.uint8, buffer_of(self.data), self.start + start)


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """One layer of a weights file.

    Attributes:
        name: Caffe finds the layer of the net by this name.
        type: The type as V2 spells it, or None where the file does not say.
        blobs: Its parameters in Caffe's order.
        extent: The layer's own bytes in the file it was read from. A changed layer has none.
    """

    name: str
    type: Optional[str]
    blobs: tuple[Blob, ...]
    extent: Optional[Extent] = field(default=None, init=False, repr=False)

    @classmethod
    def mapped(
        cls, name: str, layer_type: Optional[str], blobs: Sequence[Blob], extent: Extent
    ) -> LayerWeights:
        """A layer as it stands in a file."""
        layer = cls(name, layer_type, tuple(blobs))
        object.__setattr__(layer, "extent", extent)
        return layer

    @cached_property
    def digest(self) -> str:
        """A sha256 of its name and its blobs."""
        parts = [self.name, *(blob.digest for blob in self.blobs)]
        return sha256(repr(parts).encode()).hexdigest()
