"""A model that runs with a loss at its end: its loss, and gradients of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration.inputs import Batch, Inputs
from netsurgery.calibration.running import common_batch
from netsurgery.calibration.session_pool import SessionPool
from netsurgery.engine import Capability, EngineLike, Session, choose
from netsurgery.errors import PlanError
from netsurgery.network import IGNORED, LossNet, Model, Value, with_loss
from netsurgery.progress import Progress, Task, silent

Pair = Tuple[np.ndarray, np.ndarray]
GIVEN = "the labels given"
PREDICTED = "the classes that the net itself finds best, as no labels are given"
OWN = "what the net's own loss layers read"


class Read(NamedTuple):
    """A value, and a layer that reads it.

    Attributes:
        value: The value.
        turn: Which of its readers that is, counted from 0 in the order of the net.
    """

    value: Value
    turn: int


@dataclass(frozen=True)
class LossRunner:
    """A model with a loss, open in an engine.

    Attributes:
        net: The model.
        session: The model in the engine.
        inputs: What it is fed.
        size: How many samples are fed at once.
    """

    net: LossNet
    session: Session
    inputs: Inputs
    size: int

    @property
    def watched(self) -> Sequence[str]:
        """The blobs that `losses` is computed from."""
        scores = self.net.scores
        return list(self.net.losses) if scores is None else [self.net.names[scores]]

    def batches(self) -> Iterator[Batch]:
        """Yield all samples, with labels: where there are none, the classes the net finds best.

        Raises:
            EngineError: The engine gave up.
            PlanError: A label is no class of the net.
        """
        for batch in self.inputs.batches(self.size):
            if self.net.labels is None:
                yield batch
                continue
            labels = batch.labels
            if labels is None:
                labels = self._scores(batch).argmax(axis=1)
            self._check_labels(labels)
            yield Batch(batch.inputs, batch.count, batch.size, labels)

    def drawn_batches(self, seed: int) -> Iterator[Batch]:
        """Yield all samples, each with a class drawn as the net's own probabilities say.

        The mean of squared gradients is then the diagonal of the Fisher information, which needs no
        labels and is no smaller where the net is right. Of a net with a loss of its own: as
        `batches`.

        Args:
            seed: What is drawn of a sample depends on it and the sample's number alone.

        Raises:
            EngineError: The engine gave up.
        """
        if self.net.labels is None:
            yield from self.batches()
            return
        draws = np.random.RandomState(seed).random_sample(len(self.inputs))
        done = 0
        for batch in self.inputs.batches(self.size):
            scores = self._scores(batch)
            upto = np.exp(scores - scores.max(axis=1, keepdims=True)).cumsum(axis=1)
            wanted = draws[done : done + batch.count, None] * upto[:, -1:]
            labels = (upto <= wanted).sum(axis=1)
            yield Batch(batch.inputs, batch.count, batch.size, labels)
            done += batch.count

    def _scores(self, batch: Batch) -> np.ndarray:
        """Class scores of the samples that count."""
        blank = np.full(batch.count, IGNORED)
        found = self.forward(Batch(batch.inputs, batch.count, batch.size, blank))
        return _flat(found[self.watched[0]], batch)

    def forward(self, batch: Batch, blobs: Sequence[str] = ()) -> Dict[str, np.ndarray]:
        """Run a batch and return the blobs `losses` needs, and others; no row is cut off.

        Raises:
            EngineError: The engine gave up.
        """
        fed = dict(batch.inputs)
        if self.net.labels is not None:
            labels = np.full(batch.size, float(IGNORED))
            labels[: batch.count] = batch.labels
            fed[self.net.labels] = labels
        return self.session.forward(fed, list(dict.fromkeys([*self.watched, *blobs])))

    def losses(self, found: Mapping[str, np.ndarray], batch: Batch) -> np.ndarray:
        """Return the loss of each sample, shape (samples that count,), float64.

        A loss layer of the net's own tells only the mean over a batch: all get that.

        Args:
            found: The blobs of `watched`.
            batch: The batch, with labels.
        """
        if self.net.scores is None:
            return np.sum(
                [w * _of_samples(found[name], batch) for name, w in self.net.losses.items()], axis=0
            )
        scores = _flat(found[self.watched[0]], batch)
        scores = scores - scores.max(axis=1, keepdims=True)
        chosen = scores[np.arange(batch.count), batch.labels]
        return np.log(np.exp(scores).sum(axis=1)) - chosen

    def gradients(self, batch: Batch, reads: Sequence[Read]) -> Dict[Read, Pair]:
        """Run a batch there and back.

        Args:
            batch: The batch, with labels.
            reads: Values, and the layers that read them, all on a way to the loss.

        Returns:
            Each value, and the gradient of the loss of each sample on the way through that layer,
            without repeated samples.

        Raises:
            EngineError: The engine gave up.
        """
        names = [self.net.copy_of(*read) for read in reads]
        found = self.forward(batch, [*names, *self.net.losses])
        back = self._backward(batch, found, names)
        return {
            read: (batch.cut(found[name]), batch.cut(back[name]))
            for read, name in zip(reads, names)
        }

    def values_and_gradients(
        self, batch: Batch, values: Iterable[Value], slopes: Sequence[Value]
    ) -> Tuple[Dict[Value, np.ndarray], Dict[Value, np.ndarray]]:
        """Run a batch there and back, and return some values and the gradients of others.

        Args:
            batch: The batch, with labels.
            values: What is wanted of the way there.
            slopes: Values whose gradients are wanted, all on a way to the loss.

        Returns:
            The values; and of the others the gradient of the loss of each sample, on all ways.
            Without repeated samples.

        Raises:
            EngineError: The engine gave up.
        """
        names = self.net.names
        there = {value: names[value] for value in values}
        found = self.forward(batch, [*there.values(), *self.net.losses])
        back = self._backward(batch, found, [names[value] for value in slopes])
        return (
            {value: batch.cut(found[name]) for value, name in there.items()},
            {value: batch.cut(back[names[value]]) for value in slopes},
        )

    def _backward(
        self, batch: Batch, found: Mapping[str, np.ndarray], names: Sequence[str]
    ) -> Dict[str, np.ndarray]:
        """The gradients of blobs, of the sum over samples of what each loses."""
        diffs = {
            name: np.full(found[name].shape, weight * self._samples_in(found[name], batch))
            for name, weight in self.net.losses.items()
        }
        return self.session.backward(diffs, names)

    def _samples_in(self, loss: np.ndarray, batch: Batch) -> int:
        """By what Caffe has divided a loss: a layer of its own gives one number, the mean."""
        return batch.size if self.net.scores is None and not loss.ndim else 1

    def _check_labels(self, labels: np.ndarray) -> None:
        classes = self.session.blobs[self.watched[0]][1]
        if labels.min() < 0 or labels.max() >= classes:
            raise PlanError(
                f"the net tells {classes} classes apart, but labels are from {labels.min()} to "
                f"{labels.max()}",
                remedy="give the labels that belong to the net, or name the output they are for",
            )


@contextlib.contextmanager
def open_loss(
    model: Model,
    inputs: Inputs,
    engine: EngineLike = None,
    output: Optional[str] = None,
    needs: Sequence[Capability] = (Capability.GRADIENTS,),
    sessions: Optional[SessionPool] = None,
) -> Iterator[LossRunner]:
    """Open a model with a loss at its end in an engine, and close it at the end of the ``with``.

    Args:
        model: The model.
        inputs: What it is fed, with labels or without.
        engine: An engine or its name; the first that can do what is needed if None.
        output: The output that labels are for, where several hold class scores.
        needs: What the engine must be able to do.
        sessions: Where models stay open for the next run.

    Raises:
        EngineError: There is no such engine, or it refuses the model.
        PlanError: The net has no loss and no class scores to compute one from, or its own loss
            cannot be told for a part of a batch.
    """
    chosen = choose(engine, needs=needs)
    net = with_loss(model, output)
    size, _ = common_batch(inputs, model.network())
    if len(inputs) % size and net.takes_means:
        raise PlanError(
            f"the net's own loss is a mean over {size} samples, and there are {len(inputs)}",
            file=model.prototxt.file,
            remedy=f"give a multiple of {size}",
        )
    with contextlib.ExitStack() as stack:
        sessions = sessions or stack.enter_context(SessionPool())
        (runner,) = stack.enter_context(sessions.open(chosen, [net.model]))
        yield LossRunner(net, runner.session, inputs, size)


@contextlib.contextmanager
def gone_through(
    model: Model,
    inputs: Inputs,
    engine: EngineLike = None,
    output: Optional[str] = None,
    progress: Optional[Progress] = None,
    sessions: Optional[SessionPool] = None,
    drawn_by: Optional[int] = None,
) -> Iterator[Tuple[LossRunner, Iterator[Batch]]]:
    """Open a model with a loss, and hand out all inputs once, a batch at a time.

    Args:
        model: The model.
        inputs: What it is fed.
        engine: What runs it.
        output: The output that labels are for.
        progress: Told how many inputs went there and back.
        sessions: Where models stay open.
        drawn_by: The seed of the classes that are drawn for inputs, see `LossRunner.drawn_batches`;
            None: their labels, see `LossRunner.batches`.

    Raises:
        EngineError: There is no engine with gradients, or it refuses the model.
        PlanError: The net has no loss, and no class scores to compute one from.
    """
    with contextlib.ExitStack() as stack:
        runner = stack.enter_context(open_loss(model, inputs, engine, output, sessions=sessions))
        task = stack.enter_context((progress or silent).task("gradients", len(inputs), "inputs"))
        batches = runner.batches() if drawn_by is None else runner.drawn_batches(drawn_by)
        yield runner, _counted(batches, task)


def _counted(batches: Iterator[Batch], task: Task) -> Iterator[Batch]:
    """Batches, each told of once it is done."""
    for batch in batches:
        yield batch
        task.advance(batch.count)
        task.count("forward and backward passes", batch.count)


def judged_by(model: Model, inputs: Inputs, output: Optional[str] = None) -> str:
    """Return what the loss of a model holds the outputs against, in words.

    Raises:
        PlanError: The net has no loss and no class scores to compute one from.
    """
    if with_loss(model, output).labels is None:
        return OWN
    return PREDICTED if inputs.labels is None else GIVEN


def _of_samples(loss: np.ndarray, batch: Batch) -> np.ndarray:
    """The loss of each sample that counts: that of a mean is the mean."""
    loss = loss.astype(np.float64)
    if not loss.ndim:
        return np.full(batch.count, loss)
    return batch.cut(loss).reshape(batch.count, -1).sum(axis=1)


def _flat(scores: np.ndarray, batch: Batch) -> np.ndarray:
    """Class scores, shape (samples that count, classes), float64."""
    return scores.reshape(len(scores), -1)[: batch.count].astype(np.float64)
