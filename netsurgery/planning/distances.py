"""How far what two models make is apart: their outputs, or what detections are chosen from.

Nearly all that a detector says is that there is nothing, and of boxes nobody asks for. Errors
there say little; so scores are compared by what they tell, and boxes where there is something.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.calibration import ObservedValue, Seen
from netsurgery.network import CORNERS, Detector, Network, Value, detectors_of, score_values

LEAST_SCORE = 1e-3
"""ScoreDistance below are taken for this: no detector is asked for less."""

_NOTHING = 1e-30
_ROUNDING = 1e-12

Arrays = Mapping[Value, np.ndarray]


@dataclass(frozen=True)
class NumberDistance:
    """Squared differences of numbers.

    Attributes:
        value: What is compared.
    """

    value: Value

    @property
    def values(self) -> Tuple[Value, ...]:
        """What must be looked at."""
        return (self.value,)

    def moved(self, places: Mapping[Value, Value]) -> NumberDistance:
        """The same of another network."""
        return replace(self, value=places[self.value])

    def between(self, first: Arrays, second: Arrays) -> Tuple[float, float]:
        """Return how far arrays are apart, and how large that could sensibly be."""
        before, after = (one[self.value].astype(np.float64) for one in (first, second))
        return float(((before - after) ** 2).sum()), float((before**2).sum())


@dataclass(frozen=True)
class ScoreDistance:
    """Kullback-Leibler divergence of scores from those of the original.

    Attributes:
        value: ScoreDistance of every class for every box, shape (N, boxes * classes) or the like.
        classes: How many classes.
        axis: Their axis; None where it is the inner part of the last.
    """

    value: Value
    classes: int
    axis: Optional[int] = None

    @property
    def values(self) -> Tuple[Value, ...]:
        """What must be looked at."""
        return (self.value,)

    def moved(self, places: Mapping[Value, Value]) -> ScoreDistance:
        """The same of another network."""
        return replace(self, value=places[self.value])

    def between(self, first: Arrays, second: Arrays) -> Tuple[float, float]:
        """Return the divergence, and that of what the scores are in the mean of the batch."""
        before, after = (self.rows(one) for one in (first, second))
        return _divergence(before, after), _divergence(before, before.mean(axis=0))

    def told(self, first: Arrays, second: Arrays) -> Tuple[float, np.ndarray]:
        """Return the divergence, and what adds up over batches to that from the mean of them all.

        As sums, and their number, see `_from_mean`: a net that is fed one input at a time, with one
        row of scores, is at the mean of each batch.
        """
        before, after = (self.rows(one) for one in (first, second))
        sums = [(before * np.log(before)).sum(), len(before)], before.sum(axis=0)
        return _divergence(before, after), np.concatenate(sums)

    def rows(self, arrays: Arrays) -> np.ndarray:
        """Return the scores of each box, shape (N * boxes, classes)."""
        return np.clip(_rows(arrays[self.value], self.classes, self.axis), LEAST_SCORE, None)


@dataclass(frozen=True)
class BoxDistance:
    """Squared differences of boxes, each times how surely the original sees something there.

    Attributes:
        value: Boxes, shape (N, boxes * 4) or the like; or of every class one; along the axis of
            the scores.
        scores: The scores of the boxes.
        background: The class that says that there is nothing; -1 for none.
        least: The score that a box must have to be told of.
    """

    value: Value
    scores: ScoreDistance
    background: int
    least: float

    @property
    def values(self) -> Tuple[Value, ...]:
        """What must be looked at."""
        return (self.value, self.scores.value)

    def moved(self, places: Mapping[Value, Value]) -> BoxDistance:
        """The same of another network."""
        return replace(self, value=places[self.value], scores=self.scores.moved(places))

    def between(self, first: Arrays, second: Arrays) -> Tuple[float, float]:
        """Return the weighed differences, and the weighed squares of the original's."""
        seen = self.seen(first)
        before, after = (
            _rows(one[self.value], CORNERS, self.scores.axis) for one in (first, second)
        )
        # One box for all classes, or one for each.
        weights = seen.sum(axis=1) if len(before) == len(seen) else seen.ravel()
        apart, whole = (before - after) ** 2, before**2
        return float(weights @ apart.sum(axis=1)), float(weights @ whole.sum(axis=1))

    def seen(self, arrays: Arrays) -> np.ndarray:
        """Return how surely there is something of each class, shape (N * boxes, classes)."""
        found = self.scores.rows(arrays)
        found[found < self.least] = 0.0
        if self.background >= 0:
            found[:, self.background] = 0.0
        return found


Distance = Union[NumberDistance, ScoreDistance, BoxDistance]


def distances_of(network: Network) -> List[Distance]:
    """Return how outputs of two models should be compared.

    Detectors, see `detectors_of`, by what they see; all else as numbers.
    """
    found: Dict[Distance, None] = {}
    detectors: Dict[Value, Distance] = {}
    for detector in detectors_of(network):
        detectors.update(_of_detector(network, detector))
    for value in score_values(network):
        found[detectors.get(value, NumberDistance(value))] = None
    return list(found)


def _of_detector(network: Network, detector: Detector) -> Dict[Value, Distance]:
    scores = ScoreDistance(detector.scores, detector.classes, detector.axis)
    # Without a threshold Caffe tells of every box.
    least = max(detector.least, 10 * LEAST_SCORE)
    boxes = [BoxDistance(value, scores, detector.background, least) for value in detector.boxes]
    softmax = network.producer(detector.scores) if detector.layer is None else None
    # What a Softmax makes an output of goes by what it is made of, see `score_values`.
    key = softmax.bottoms[0] if softmax is not None else detector.scores
    return {key: scores, **{one.value: one for one in boxes}}


def _rows(array: np.ndarray, count: int, axis: Optional[int]) -> np.ndarray:
    """Return numbers of which so many along an axis belong together, shape (rows, count)."""
    last = array if axis is None else np.moveaxis(array, axis, -1)
    return last.reshape(-1, count).astype(np.float64)


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Generalised, so that scores need not add up to one; never negative."""
    return float((p * np.log(p / q) - p + q).sum())


def _from_mean(told: np.ndarray) -> float:
    """The divergence of rows from their mean: entropies of both, as the rest cancels."""
    whole, count, sums = float(told[0]), float(told[1]), told[2:]
    found = whole - float((sums * np.log(sums / count)).sum())
    return found if found > _ROUNDING * (count + abs(whole)) else 0.0


class DistanceObserver:
    """How far the outputs of two models are apart.

    Attributes:
        sums: For each distance, how far the models are apart, and how large that could be.
    """

    def __init__(self, distances: Sequence[Distance]) -> None:
        self._distances = distances
        self.sums = np.zeros((len(distances), 2))
        self._told: Dict[int, np.ndarray] = {}

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """What is compared, of both."""
        values = dict.fromkeys(value for one in self._distances for value in one.values)
        return [ObservedValue(value, number) for value in values for number in (0, 1)]

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        first, second = (
            {source.value: array for source, array in seen.items() if source.model == number}
            for number in (0, 1)
        )
        for number, distance in enumerate(self._distances):
            if isinstance(distance, ScoreDistance):
                apart, told = distance.told(first, second)
                self._told[number] = self._told.get(number, np.zeros_like(told)) + told
                self.sums[number] = self.sums[number, 0] + apart, _from_mean(self._told[number])
            else:
                self.sums[number] += distance.between(first, second)

    @property
    def distances(self) -> np.ndarray:
        """Each distance, relative to how large it could be.

        Of an output that is the same for every input, as of a detector that sees nothing, it is
        what it is: there is nothing that it could be a share of.
        """
        apart, whole = self.sums.T
        found: np.ndarray = apart / np.where(whole > _NOTHING, whole, 1.0)
        return found

    @property
    def distance(self) -> float:
        """Their mean."""
        return float(np.mean(self.distances))


class SightingObserver:
    """How much a detector sees in each input.

    Attributes:
        seen: The sum of all scores of what is no background, shape (N,).
    """

    def __init__(self, boxes: Sequence[BoxDistance]) -> None:
        self._boxes = boxes
        self.seen = np.zeros(0)

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """The scores."""
        return dict.fromkeys(ObservedValue(one.scores.value) for one in self._boxes)

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        arrays = {source.value: array for source, array in seen.items()}
        found = [
            one.seen(arrays).reshape(len(arrays[one.scores.value]), -1).sum(axis=1)
            for one in self._boxes
        ]
        self.seen = np.concatenate([self.seen, np.sum(found, axis=0)])
