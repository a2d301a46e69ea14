"""Asking a teacher: it runs over all views, and what it makes is written as what will be fed."""

from __future__ import annotations

from math import prod, sqrt
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import ObservedValue, Seen, input_shapes, measure
from netsurgery.engine import EngineLike
from netsurgery.errors import FormatError, NetworkError, RequestError
from netsurgery.network import Model, Shape, Value, infer_shapes, without_what_follows
from netsurgery.progress import Progress
from netsurgery.training.bank import ViewBank
from netsurgery.training.objectives import (
    LABEL,
    TARGET,
    WEIGHT,
    DetectorObjective,
    TeacherClassObjective,
    TeacherObjective,
    TeacherProbabilityObjective,
    TeacherValueObjective,
)
from netsurgery.training.sightings import sighting_weights, spread_weights


class Facts(NamedTuple):
    """What is known of an objective's answers once all are there.

    Attributes:
        rows: Rows along axis 0 that belong to a view.
        scale: The standard deviation of values.
        norm: The factor that makes the mean of squared weights 1; 0 where nothing is seen.
    """

    rows: int
    scale: float = 1.0
    norm: float = 1.0


def answer_file(folder: Path, role: str) -> Path:
    """Return the file that holds what a role is fed, a row for each view."""
    kind, _, name = role.partition(":")
    return folder / f"{name}.{kind}.npy"


class Teacher:
    """The layers of a net that make what is learned of it.

    Attributes:
        bytes_each: What its answers to one view take; 0 where that is not known.
    """

    def __init__(
        self, original: Model, objectives: Sequence[TeacherObjective], whole_blobs: bool
    ) -> None:
        """Leave out what follows: priors, and the choice among boxes.

        Args:
            original: The net.
            objectives: What is learned of it.
            whole_blobs: A view is a whole input blob.
        """
        self._objectives = tuple(objectives)
        wanted = list(dict.fromkeys(value for one in objectives for value in _looked_at(one)))
        self._model, values = without_what_follows(original, wanted)
        self._places: Mapping[Value, Value] = dict(zip(wanted, values))
        network = self._model.network()
        shapes = infer_shapes(network, weights=self._model.weights)
        batch = next(iter(input_shapes(network).values()))[0]
        self._rows: Dict[Value, Optional[int]] = {}
        self.bytes_each = 0.0
        for one in objectives:
            shape = shapes.get(self._places[one.teachers])
            if shape is not None:
                self.bytes_each += len(one.roles) * 4 * prod(shape) / (1 if whole_blobs else batch)
            known = shape is not None and not whole_blobs
            self._rows[one.teachers] = _rows_each(one, shape, batch) if shape and known else None

    def ask(
        self, bank: ViewBank, engine: EngineLike, folder: Path, progress: Progress
    ) -> List[Facts]:
        """Run over all views of a bank, and write what it answers.

        Args:
            bank: The views.
            engine: What runs it; the first that can if None.
            folder: Where answers go.
            progress: Told how many views were run.

        Raises:
            RequestError: It has other inputs.
            NetworkError: It answers what is no number, or not the same for each input.
            EngineError: There is no engine, or it refuses the model.
            FormatError: The answers cannot be written.
        """
        inputs = bank.as_inputs()
        needed = [value.blob for value in self._model.network().inputs]
        if not set(needed) <= set(inputs.arrays):
            told, given = (", ".join(map(repr, names)) for names in (needed, inputs.arrays))
            raise RequestError(
                f"the teacher's inputs are {told}, not {given}",
                file=self._model.prototxt.file,
                remedy="give the net that the small one was made of",
            )
        recorders = [
            _Recorder(one, self._places, self._rows[one.teachers], len(bank), folder)
            for one in self._objectives
        ]
        measure([self._model], inputs.only(needed), recorders, engine, progress)
        return [one.facts() for one in recorders]


def _looked_at(objective: TeacherObjective) -> Tuple[Value, ...]:
    """The values of the teacher that an objective is made of."""
    if isinstance(objective, DetectorObjective):
        return objective.teachers, objective.detector.scores
    return (objective.teachers,)


def _rows_each(objective: TeacherObjective, shape: Shape, batch: int) -> int:
    rows, rest = divmod(shape[0], batch)
    if rest or not rows:
        raise NetworkError(
            f"blob {objective.teachers.blob!r} of shape {shape} is not of {batch} inputs, so that "
            "nothing can be learned of it input by input"
        )
    return rows


class _Recorder:
    """Writes down what is fed for one objective."""

    def __init__(
        self,
        objective: TeacherObjective,
        places: Mapping[Value, Value],
        rows: Optional[int],
        views: int,
        folder: Path,
    ) -> None:
        self._objective, self._places, self._rows = objective, places, rows
        self._views, self._folder, self._done = views, folder, 0
        self._files: Dict[str, np.memmap] = {}
        # Count, sum and sum of squares of values, each times its squared weight; the squares of
        # weights and their count.
        self._sums, self._squares, self._places_seen = np.zeros(3), 0.0, 0

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """The value, and the scores that say how much it counts."""
        return [ObservedValue(self._places[value]) for value in _looked_at(self._objective)]

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        arrays = [seen[source] for source in self.sources]
        values = arrays[0]
        for array in arrays:
            if not np.isfinite(array).all():
                raise NetworkError(
                    f"the teacher makes NaN or infinity in blob {self._objective.teachers.blob!r}",
                    remedy="leave out the inputs of which it does",
                )
        rows = self._rows = self._rows or len(values)
        views = len(values) // rows
        for kind, array in self._fed(values, arrays[-1]):
            shape = (-1,) if kind == WEIGHT else (rows, *array.shape[1:])
            self._write(self._objective.role(kind), array.reshape(views, *shape))
        self._done += views

    def facts(self) -> Facts:
        """Return what is known when all is written."""
        for file in self._files.values():
            file.flush()
        self._files.clear()
        assert self._rows is not None, "there are inputs"
        weight, total, squares = self._sums
        if not isinstance(self._objective, TeacherValueObjective):
            return Facts(self._rows)
        if not weight:
            return Facts(self._rows, 1.0, 0.0)
        variance = max(0.0, squares / weight - (total / weight) ** 2)
        norm = sqrt(self._places_seen / self._squares) if self._objective.weighted else 1.0
        return Facts(self._rows, sqrt(variance) or 1.0, norm)

    def _fed(self, values: np.ndarray, scores: np.ndarray) -> Iterable[Tuple[str, np.ndarray]]:
        """What is fed for a batch, by kind."""
        objective = self._objective
        if isinstance(objective, TeacherClassObjective):
            yield from _class_targets(values, objective.axis, objective.temperature)
        elif isinstance(objective, TeacherProbabilityObjective):
            yield TARGET, (0.5 * (1 + np.tanh(0.5 * values.astype(np.float64)))).astype(np.float32)
        else:
            yield TARGET, values
            weights = np.ones(1, np.float32)
            if isinstance(objective, DetectorObjective):
                weights = sighting_weights(
                    objective.detector,
                    scores,
                    values.shape,
                    counts_everywhere=objective.counts_everywhere,
                )
                yield WEIGHT, weights
            self._take_in(values, weights)

    def _take_in(self, values: np.ndarray, weights: np.ndarray) -> None:
        """Add a batch to what the scale and the norm are worked out from."""
        squared: np.ndarray = weights.astype(np.float64) ** 2
        self._squares += float(squared.sum())
        self._places_seen += len(squared)
        numbers = values.astype(np.float64)
        if isinstance(self._objective, DetectorObjective):
            squared = spread_weights(squared, values.shape, self._objective.detector.axis)
        else:
            squared = np.ones_like(numbers)
        self._sums += (squared.sum(), (squared * numbers).sum(), (squared * numbers**2).sum())

    def _write(self, role: str, rows: np.ndarray) -> None:
        if role not in self._files:
            file = answer_file(self._folder, role)
            shape = (self._views, *rows.shape[1:])
            try:
                self._files[role] = np.lib.format.open_memmap(file, "w+", rows.dtype, shape)
            except OSError as error:
                raise FormatError(f"cannot be written: {error.strerror}", file=file) from None
        kept = self._files[role]
        if rows.shape[1:] != kept.shape[1:]:
            raise NetworkError(
                f"blob {self._objective.teachers.blob!r} of the teacher has the shape "
                f"{kept.shape[1:]} for one input, and {rows.shape[1:]} for another",
                remedy="give inputs that are all of one size",
            )
        kept[self._done : self._done + len(rows)] = rows


def _class_targets(
    scores: np.ndarray, axis: int, temperature: float
) -> Iterable[Tuple[str, np.ndarray]]:
    """The best class of each place, and what lies between that and the teacher's probabilities."""
    scaled = scores.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis, keepdims=True))
    best = scores.argmax(axis)
    target = -powers / powers.sum(axis, keepdims=True)
    places = np.expand_dims(best, axis)
    np.put_along_axis(target, places, np.take_along_axis(target, places, axis) + 1, axis)
    yield LABEL, best.astype(np.int32)
    yield TARGET, target.astype(np.float32)
