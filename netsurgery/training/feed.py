"""The batches that a training net is fed: each depends on the seed and its number alone."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Protocol, Sequence

import numpy as np

from netsurgery.calibration import Inputs, held
from netsurgery.errors import Remedy, RequestError
from netsurgery.training.augmentation import Augmentation, pictures_of
from netsurgery.training.bank import ViewBank
from netsurgery.training.draws import random_of
from netsurgery.training.objectives import DATA, LABELS

_NONE = -1
"""The label of a sample without one: it has no part in the loss."""


class FedNet(Protocol):
    """What is asked of a training net."""

    @property
    def fed(self) -> Mapping[str, str]:
        """The role of each blob that is fed."""

    @property
    def classes(self) -> Optional[int]:
        """How many classes labels are told among."""


class Targets(Protocol):
    """What a teacher answers on each view of a bank."""

    @property
    def bank(self) -> ViewBank:
        """The views."""

    @property
    def roles(self) -> Sequence[str]:
        """What is fed of them."""

    def rows(self, role: str, numbers: np.ndarray) -> np.ndarray:
        """Return what a role is fed for the views of some numbers, one behind the other."""


class PlainRows:
    """What is compared with where nothing is drawn: labels and targets of the plain views."""

    def __init__(self, inputs: Inputs, part: np.ndarray, targets: Optional[Targets] = None) -> None:
        """Take it.

        Args:
            inputs: All inputs.
            part: Numbers of those that are judged.
            targets: What a teacher answers.
        """
        self._inputs, self._part = inputs, np.asarray(part, np.int64)
        self._targets = targets

    def rows(self, numbers: np.ndarray) -> Dict[str, np.ndarray]:
        """Return it by role, for some of the part.

        Args:
            numbers: Places in the part.
        """
        inputs = self._part[numbers]
        found: Dict[str, np.ndarray] = {}
        if self._inputs.labels is not None:
            found[LABELS] = self._inputs.labels[inputs]
        if self._targets is not None:
            views = self._targets.bank.numbers(inputs, np.zeros_like(inputs))
            found.update((role, self._targets.rows(role, views)) for role in self._targets.roles)
        return found


class _Chosen(NamedTuple):
    """Samples: numbers of inputs, the view of each, and its number in a bank."""

    inputs: np.ndarray
    draws: np.ndarray
    rows: np.ndarray

    def of(self, part: slice) -> _Chosen:
        """Some of them."""
        return _Chosen(self.inputs[part], self.draws[part], self.rows[part])


class Feed:
    """Batches without end: a pure function of the seed and of the number of the batch.

    All inputs come once in each epoch, in an order and as views drawn for it; a batch may hold the
    tail of one epoch and the head of the next. Where a teacher has answered a bank of views, each
    input shows the next of them in each epoch.

    Attributes:
        steps_per_epoch: Batches that go through the inputs once, at least.
    """

    def __init__(
        self,
        net: FedNet,
        inputs: Inputs,
        part: np.ndarray,
        *,
        batch: int,
        augmentation: Optional[Augmentation] = None,
        targets: Optional[Targets] = None,
        seed: int = 0,
    ) -> None:
        """Take what batches are made of.

        Args:
            net: Says what its blobs are fed.
            inputs: All inputs.
            part: Numbers of those that are trained on.
            batch: How many are in a batch.
            augmentation: What views of them are drawn; with targets these are of the bank.
            targets: What a teacher answers.
            seed: Of all that is drawn.

        Raises:
            RequestError: Labels are missing or name no class of the net, a net of whole blobs is to
                train on several at a time, or there are no such views.
        """
        self._fed, self._inputs, self._part = dict(net.fed), inputs, np.asarray(part, np.int64)
        self._batch, self._seed, self._targets = batch, seed, targets
        self._augmentation = augmentation or Augmentation()
        if targets is not None:
            self._augmentation = targets.bank.augmentation
        if inputs.whole_blobs and batch > 1:
            raise RequestError(
                Remedy("each input is a whole blob, so that {} can only be 1", "batch")
            )
        self._pictures = pictures_of(inputs, self._augmentation)
        self._held = {name: held(samples) for name, samples in inputs.arrays.items()}
        self._epochs: Dict[int, _Chosen] = {}
        if LABELS in self._fed.values():
            require_labels(inputs, net.classes)
        self.steps_per_epoch = -(-len(self._part) // batch)

    def batch(self, number: int) -> Dict[str, np.ndarray]:
        """Return what is fed in the step of a number, counted from 0: float32 by blob."""
        chosen = self._choose(number)
        return {
            blob: np.ascontiguousarray(self._make(role, chosen), np.float32)
            for blob, role in self._fed.items()
        }

    def batches(self, first: int, count: int) -> List[Dict[str, np.ndarray]]:
        """Return batches that follow each other."""
        return [self.batch(number) for number in range(first, first + count)]

    def _make(self, role: str, chosen: _Chosen) -> np.ndarray:
        if role.startswith(DATA):
            return self._samples(role[len(DATA) :], chosen)
        if role == LABELS:
            assert self._inputs.labels is not None, "seen before"
            return self._inputs.labels[chosen.inputs]
        if self._targets is None:
            raise RequestError(Remedy(f"{role} needs the answers of a {{}}", "teacher"))
        return self._targets.rows(role, chosen.rows)

    def _samples(self, name: str, chosen: _Chosen) -> np.ndarray:
        found = self._held[name].take(chosen.inputs)
        if self._inputs.whole_blobs:
            return found[0]
        return self._augmentation.views(found, chosen.draws) if name == self._pictures else found

    def _choose(self, number: int) -> _Chosen:
        epoch, start = divmod(number * self._batch, len(self._part))
        left, parts = self._batch, []
        while left:
            now = self._epoch(epoch).of(slice(start, start + left))
            parts.append(now)
            epoch, start, left = epoch + 1, 0, left - len(now.inputs)
        return parts[0] if len(parts) == 1 else _Chosen(*map(np.concatenate, zip(*parts)))

    def _epoch(self, epoch: int) -> _Chosen:
        """All of an epoch in its order; those of two are kept, as a batch may hold of both."""
        if epoch not in self._epochs:
            while len(self._epochs) > 1:
                del self._epochs[min(self._epochs)]
            self._epochs[epoch] = self._drawn(epoch)
        return self._epochs[epoch]

    def _drawn(self, epoch: int) -> _Chosen:
        order = random_of(self._seed, "order", epoch).permutation(len(self._part))
        inputs = self._part[order]
        if self._targets is not None:
            bank = self._targets.bank
            # Inputs begin with different views, so that no epoch is all of plain ones.
            views = (inputs + epoch) % bank.views
            return _Chosen(inputs, bank.draws[inputs, views], bank.numbers(inputs, views))
        draws = np.zeros((len(inputs), 3), np.int64)
        if self._pictures is not None:
            random = random_of(self._seed, "views", epoch)
            shape = self._held[self._pictures].shape[1:]
            draws = self._augmentation.draw(random, len(inputs), shape)
        return _Chosen(inputs, draws, inputs)


def require_labels(inputs: Inputs, classes: Optional[int]) -> None:
    """See that inputs have labels, and that the net tells such classes: no engine need look.

    -1 says that an input has none, and has no part in the loss.

    Args:
        inputs: The inputs.
        classes: How many classes the net tells; None: any number.

    Raises:
        RequestError: They have none, or one is no class of the net.
    """
    labels = inputs.labels
    if labels is None or not (labels != _NONE).any():
        raise RequestError(
            f"the net is trained by labels, and {inputs.description} has none",
            remedy=Remedy("give {}, or a {} that needs none", "labels", "teacher"),
        )
    wrong = np.logical_or(labels < _NONE, labels >= (classes or np.inf))
    if wrong.any():
        place = int(np.argmax(wrong))
        told = f"the net tells {classes} classes apart" if classes else "there is no such class"
        raise RequestError(
            f"{inputs.description}: the label of input {place + 1} is {labels[place]}, and {told}",
            remedy="give the labels that belong to the net, counted from 0, or -1 for none",
        )
