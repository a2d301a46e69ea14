"""The samples a network is run on, and how they are fed in batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, Iterable, Iterator, Mapping, Optional, Protocol

import numpy as np

from netsurgery.errors import NetsurgeryError
from netsurgery.progress import Progress, silent
from netsurgery.validation import require_fields

HELD_BYTES = 64e6
"""What all batches of inputs may take to be kept."""
_AT_ONCE = 32
_MOST = 2**53
"""More classes than any net has, and the last number to which float64 counts."""


class Samples(Protocol):
    """Samples along axis 0: an array, a mapped file, or images decoded when they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def __getitem__(self, part: Any) -> np.ndarray:
        """The samples of a slice."""


@dataclass(frozen=True)
class Batch:
    """What one forward pass is fed.

    Attributes:
        inputs: float32 array per input blob.
        count: The number of samples that count; the rest repeats the last one.
        size: The number of samples fed.
        labels: The classes of the samples that count.
        comes_again: Whether it is this object that is fed in the next run over the same inputs.
    """

    inputs: dict[str, np.ndarray]
    count: int
    size: int
    labels: Optional[np.ndarray] = None
    comes_again: bool = False

    def cut(self, blob: np.ndarray) -> np.ndarray:
        """Return a blob of the net without the rows that belong to the repeated samples."""
        if self.count == self.size or not blob.ndim or blob.shape[0] % self.size:
            return blob
        return blob[: blob.shape[0] // self.size * self.count]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Samples for every input of a net.

    Attributes:
        arrays: Per input blob the samples, shape (N, ...).
        labels: The class of each sample, int64 of shape (N,).
        description: Where they come from, for reports.
        whole_blobs: A sample is a whole input blob, its axis 0 included, and has a forward pass
            of its own: for nets whose samples do not lie along axis 0, such as those with
            regions of interest or with time steps.
        drawn: They were drawn at random: what a net makes of them does not tell what it is worth.
        targets: What else belongs to each sample, by name, shape (N, ...): no net is fed it, but
            losses compare with it.

    Raises:
        RequestError: What is given as one of these is none.
        NetsurgeryError: The arrays hold no numbers, or are not as long as each other or the labels.
    """

    arrays: Mapping[str, Samples]
    labels: Optional[np.ndarray] = None
    description: str = "arrays"
    whole_blobs: bool = False
    drawn: bool = False
    targets: Mapping[str, Samples] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels is not None:
            object.__setattr__(self, "labels", _as_labels(self.labels))
        require_fields(self)
        lengths = {}
        for name, samples in (*self.targets.items(), *self.arrays.items()):
            _require_numbers(name, samples)
            lengths[name] = sum(samples.shape[:1])
        if self.labels is not None:
            lengths["labels"] = len(self.labels)
        if len(set(lengths.values())) != 1 or not len(self):
            counts = ", ".join(f"{name} {count}" for name, count in lengths.items())
            raise NetsurgeryError(f"inputs need one or more samples each, all alike, not {counts}")

    def __len__(self) -> int:
        return next((sum(samples.shape[:1]) for samples in self.arrays.values()), 0)

    def first(self, count: int) -> Inputs:
        """Return the first ``count`` samples."""
        return Inputs(
            {name: samples[:count] for name, samples in self.arrays.items()},
            None if self.labels is None else self.labels[:count],
            self.description,
            self.whole_blobs,
            self.drawn,
            {name: samples[:count] for name, samples in self.targets.items()},
        )

    def spread(self, count: int) -> Inputs:
        """Return ``count`` samples, spread evenly; all of them if there are no more.

        None is read before it is asked for.

        Raises:
            NetsurgeryError: The count is not positive.
        """
        if count < 1:
            raise NetsurgeryError(f"{count} samples are none", remedy="ask for one or more")
        if count >= len(self):
            return self
        return self.chosen(np.arange(count) * len(self) // count)

    def only(self, blobs: Iterable[str]) -> Inputs:
        """Return the same samples for some of the input blobs; all of them as they are."""
        arrays = {name: self.arrays[name] for name in blobs}
        if len(arrays) == len(self.arrays):
            return self
        return replace(self, arrays=arrays)

    def chosen(self, numbers: np.ndarray) -> Inputs:
        """Return the samples of some numbers. None is read before it is asked for."""
        return Inputs(
            {name: _Chosen(samples, numbers) for name, samples in self.arrays.items()},
            None if self.labels is None else self.labels[numbers],
            f"{len(numbers)} of {len(self)} samples of {self.description}",
            self.whole_blobs,
            self.drawn,
            {name: _Chosen(samples, numbers) for name, samples in self.targets.items()},
        )

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all samples, ``size`` at a time, the last batch filled up with the last sample.

        Where they fit into a few megabytes, the same arrays are handed out again, so that an engine
        knows what it was fed already.
        """
        size = 1 if self.whole_blobs else size
        numbers = range(-(-len(self) // size))
        each = sum(4 * prod(samples.shape[1:]) for samples in self.arrays.values())
        if each * size * len(numbers) > HELD_BYTES:
            yield from (self._batch(number, size) for number in numbers)
            return
        if size not in self._held:
            self._held.clear()
            self._held[size] = []
        held = self._held[size]
        for number in numbers:
            if number == len(held):
                held.append(replace(self._batch(number, size), comes_again=True))
            yield held[number]

    def _batch(self, number: int, size: int) -> Batch:
        start = number * size
        count = min(size, len(self) - start)
        fed = {name: self._feed(name, start, count, size) for name in self.arrays}
        labels = None if self.labels is None else self.labels[start : start + count]
        return Batch(fed, count, size, labels)

    @cached_property
    def _held(self) -> dict[int, list[Batch]]:
        """Batches of the size that was last asked for."""
        return {}

    def told(self, progress: Progress) -> Inputs:
        """Return the same samples; they tell how many of them were handed out.

        Args:
            progress: Told how many of them were run, one batch after another.
        """
        facts = (self.arrays, self.labels, self.description, self.whole_blobs, self.drawn)
        return _Told(*facts, self.targets, progress)

    def _feed(self, name: str, start: int, count: int, size: int) -> np.ndarray:
        part = np.asarray(self.arrays[name][start : start + count])
        if self.whole_blobs:
            part = part[0]
        elif count < size:
            part = np.concatenate([part, np.repeat(part[-1:], size - count, axis=0)])
        fed = _finite(part, name, start).view()
        fed.flags.writeable = False
        return fed

    def check(self) -> None:
        """See that every sample can be read and is finite, before long work begins.

        Raises:
            NetsurgeryError: One is not; it is named.
        """
        for name, samples in (*self.arrays.items(), *self.targets.items()):
            for start in range(0, len(self), _AT_ONCE):
                _finite(samples[start : start + _AT_ONCE], name, start)

    @property
    def sha256(self) -> str:
        """Digest of what the net is fed: names, shapes and float32 values."""
        return self._digests[0]

    @property
    def digest(self) -> str:
        """Digest by which inputs are known again, labels aside: what is fed, and in what pieces."""
        return f"{self.sha256} {self.whole_blobs}"

    @cached_property
    def targets_digest(self) -> str:
        """Digest of the targets: names, shapes and float32 values."""
        whole = hashlib.sha256()
        for name, samples in sorted(self.targets.items()):
            whole.update(repr((name, samples.shape)).encode())
            for start in range(0, len(self), _AT_ONCE):
                whole.update(_finite(samples[start : start + _AT_ONCE], name, start).tobytes())
        return whole.hexdigest()

    @property
    def contents(self) -> frozenset[bytes]:
        """Digests of the samples, to find out which are the same whatever file they are from."""
        return self._digests[1]

    @cached_property
    def _digests(self) -> tuple[str, frozenset[bytes]]:
        """Both, as samples may have to be decoded anew each time."""
        whole = hashlib.sha256()
        samples = [hashlib.sha256() for _ in range(len(self))]
        for name in sorted(self.arrays):
            whole.update(repr((name, self.arrays[name].shape)).encode())
            for start, sample in enumerate(samples):
                fed = self._feed(name, start, 1, 1).tobytes()
                whole.update(fed)
                sample.update(fed)
        return whole.hexdigest(), frozenset(sample.digest() for sample in samples)


@dataclass(frozen=True, eq=False)
class _Told(Inputs):
    """Samples that tell how many of them were handed out."""

    progress: Progress = silent

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield the batches."""
        with self.progress.task("running", len(self), "inputs") as task:
            for batch in super().batches(size):
                yield batch
                task.advance(batch.count)


class _Chosen:
    """Some of other samples."""

    def __init__(self, samples: Samples, chosen: np.ndarray) -> None:
        self._samples, self._chosen = samples, chosen
        self.shape = (len(chosen), *samples.shape[1:])
        self.ndim = len(self.shape)

    def __getitem__(self, part: Any) -> np.ndarray:
        found = [np.asarray(self._samples[i : i + 1]) for i in self._chosen[part].tolist()]
        return np.concatenate([np.empty((0, *self.shape[1:]), np.float32), *found])


def _finite(samples: Any, name: str, start: int) -> np.ndarray:
    """Return samples as float32, of which the first has the number ``start``."""
    with np.errstate(over="ignore"):
        fed = np.ascontiguousarray(samples, dtype=np.float32)
    if not np.isfinite(fed).all():
        bad = ~np.isfinite(fed.reshape(len(fed), -1)).all(axis=1) if fed.ndim else [True]
        raise NetsurgeryError(
            f"sample {start + int(np.argmax(bad)) + 1} of input {name!r} holds NaN or infinity, "
            "of which nothing can be told",
            remedy="leave it out, or see how it came to be",
        )
    return fed


def _require_numbers(name: str, samples: object) -> None:
    kind = getattr(samples, "dtype", np.dtype(np.float32))
    if not hasattr(samples, "shape") or kind.kind not in "biuf":
        told = f"of type {kind}" if hasattr(samples, "shape") else f"a {type(samples).__name__}"
        raise NetsurgeryError(
            f"input {name!r} is {told}, and should be an array of numbers",
            remedy="give one NumPy array for each input",
        )


def _as_labels(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim > 1 and labels.size == len(labels):
        labels = labels.ravel()  # as Caffe's data layers give them: (N, 1, 1, 1)
    good = labels.dtype.kind in "iuf" and labels.ndim == 1
    if good and labels.dtype.kind == "f":
        good = bool((np.isfinite(labels) & (labels == np.trunc(labels))).all())
    if not good or (np.abs(labels.astype(np.float64)) > _MOST).any():
        raise NetsurgeryError(
            f"labels of shape {labels.shape} and type {labels.dtype} are not one whole number "
            "per sample",
            remedy="give the class of each sample, or no array of that name",
        )
    return labels.astype(np.int64)
