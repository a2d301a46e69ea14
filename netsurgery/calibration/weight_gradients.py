"""How the loss of each input depends on each single weight: means over inputs, streamed."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Collection, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.losses import gone_through
from netsurgery.errors import PlanError, Remedy
from netsurgery.layers import MatrixProduct
from netsurgery.measurements import digest_of
from netsurgery.network import Model, ParameterKey, Value, infer_shapes, layers_with

AT_ONCE = 16e6
"""Numbers in the gradients, or in the windows, of the samples that are worked on together."""

LEFT_OUT = "leave that layer out, or choose by weights alone"


class WeightUse(NamedTuple):
    """A product that some weights have a part in.

    Attributes:
        product: The layer.
        read: What it reads.
        made: What it makes of that.
    """

    product: MatrixProduct
    read: Value
    made: Value


def row_products(model: Model, key: ParameterKey) -> List[WeightUse]:
    """Return all products of rows with some weights: of all layers that share these.

    Args:
        model: The model.
        key: The weights.

    Raises:
        PlanError: They are used in another way, or each layer takes them for another matrix.
    """
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    name, index = key
    found = []
    for layer in layers_with(network, key):
        for read, made in zip(layer.bottoms, layer.tops):
            product = MatrixProduct.find(layer, shapes[read]) if index == 0 else None
            if product is None:
                raise PlanError(
                    f"blob {index} of a layer of type {layer.type} is no matrix that rows are "
                    "multiplied with",
                    file=model.prototxt.file,
                    layer=layer.name,
                    remedy=LEFT_OUT,
                )
            found.append(WeightUse(product, read, made))
    shape = model.blobs(name)[index].shape
    numbers = np.arange(prod(shape)).reshape(shape)
    first, *others = (use.product.matrices(numbers) for use in found)
    if not all(np.array_equal(first, other) for other in others):
        raise PlanError(
            "layers share these weights, and each takes them for another matrix",
            file=model.prototxt.file,
            layer=name,
            remedy=LEFT_OUT,
        )
    return found


def mean_weight_gradients(
    calibrator: Calibrator,
    model: Model,
    keys: Sequence[ParameterKey],
    power: int,
    drawn: bool = False,
) -> Dict[ParameterKey, np.ndarray]:
    """Return of each weight the mean over inputs of a power of the loss's gradient.

    Args:
        calibrator: Runs the inputs.
        model: The model.
        keys: The weights.
        power: 1 for the magnitude of each input's gradient, 2 for its square.
        drawn: Whether each input gets a class drawn from the net's own probabilities, by the
            calibrator's seed, in place of its label; the mean of squares is the diagonal of the
            Fisher information then.

    Returns:
        For each key float64, of the shape of its blob.

    Raises:
        EngineError: There is no engine with gradients, or it refuses the model.
        PlanError: The net has no loss, and no class scores to compute one from; no loss depends on
            some of the weights, or these are no matrix.
    """
    observers = {
        (name, index): WeightGradientObserver(
            row_products(model, (name, index)), model.blobs(name)[index].shape, power
        )
        for name, index in keys
    }
    judged = (drawn, calibrator.seed if drawn else calibrator.inputs.labels, calibrator.task_output)
    asked = {
        digest_of("weight gradients", *key, power, *judged): observer
        for key, observer in observers.items()
    }
    calibrator.learn([model], asked, partial(_measure, calibrator, model, drawn))
    return {key: observer.total / observer.count for key, observer in observers.items()}


class WeightGradientObserver:
    """Sums over samples of a power of the magnitude of what each weight's gradient is.

    Attributes:
        total: Of the shape of the weights, float64.
        count: Number of samples.
    """

    def __init__(self, uses: Sequence[WeightUse], shape: Sequence[int], power: int) -> None:
        """Start with none.

        Args:
            uses: All products that the weights have a part in.
            shape: Of the weights.
            power: 1 or 2.
        """
        self.total = np.zeros(shape)
        self.count = 0
        self._uses, self._power = tuple(uses), power

    @property
    def uses(self) -> Tuple[WeightUse, ...]:
        """Where it looks."""
        return self._uses

    def add(
        self, values: Dict[Value, np.ndarray], slopes: Dict[Value, np.ndarray], count: int
    ) -> None:
        """Take in a batch.

        Args:
            values: What layers read.
            slopes: The gradients of each sample's loss at what they make; where none depends on
                that, it is left out.
            count: Number of samples.

        Raises:
            PlanError: Rows of a value do not belong to samples, as many each.
        """
        seen = [
            _Seen(use.product, values[use.read], slopes[use.made])
            for use in self._uses
            if use.made in slopes
        ]
        for one in seen:
            one.require_samples(count)
        numbers = max(self._numbers_each(one, count) for one in seen)
        together = max(1, int(AT_ONCE / numbers))
        for start in range(0, count, together):
            stop = min(start + together, count)
            self._add([one.of(start, stop, count) for one in seen], stop - start)
        self.count += count

    def _rows_each(self, seen: _Seen, count: int) -> int:
        """How many rows of a sample are multiplied."""
        return seen.slope.size * seen.product.width // (count * self.total.size)

    def _numbers_each(self, seen: _Seen, count: int) -> int:
        """How many numbers a sample's rows have, or its gradient where that is multiplied out."""
        rows = self._rows_each(seen, count)
        numbers = rows * seen.product.groups * seen.product.width
        return numbers if len(self._uses) == rows == 1 else max(numbers, self.total.size)

    def _add(self, seen: Sequence[_Seen], count: int) -> None:
        product = seen[0].product
        rows = [(one.product.read(one.value), one.product.made(one.slope)) for one in seen]
        if len(rows) == self._rows_each(seen[0], count) == 1:
            # one row times another: powers of the products are products of the powers
            inputs, slopes = (np.abs(one) ** self._power for one in rows[0])
            sums = np.swapaxes(slopes, 1, 2) @ inputs
        else:
            gradients = sum(
                np.swapaxes(_by_sample(slopes, count), 2, 3) @ _by_sample(inputs, count)
                for inputs, slopes in rows
            )
            sums = (np.abs(gradients) ** self._power).sum(axis=1, dtype=np.float64)
        self.total += product.joined(sums).reshape(self.total.shape)


class _Seen(NamedTuple):
    """What a product reads of some samples, and the gradients at what it makes of that."""

    product: MatrixProduct
    value: np.ndarray
    slope: np.ndarray

    def require_samples(self, count: int) -> None:
        if len(self.value) % count or len(self.slope) % count:
            raise PlanError(
                f"what it reads has {len(self.value)} rows for {count} samples",
                layer=self.product.layer.name,
                remedy=LEFT_OUT,
            )

    def of(self, start: int, stop: int, count: int) -> _Seen:
        """The same of some of the samples."""
        value, slope = (
            array[start * len(array) // count : stop * len(array) // count]
            for array in (self.value, self.slope)
        )
        return _Seen(self.product, value, slope)


def _by_sample(rows: np.ndarray, count: int) -> np.ndarray:
    """Rows in groups, shape (groups, count * rows, d), with an axis of samples."""
    return rows.reshape(len(rows), count, -1, rows.shape[-1])


def _measure(
    calibrator: Calibrator, model: Model, drawn: bool, observers: Sequence[WeightGradientObserver]
) -> None:
    """Run a model there and back over all inputs, once, and show every batch to the observers."""
    uses = [use for observer in observers for use in observer.uses]
    judged = calibrator.engine, calibrator.task_output, calibrator.progress, calibrator.sessions
    seed = calibrator.seed if drawn else None
    with gone_through(model, calibrator.inputs, *judged, seed) as (runner, batches):
        reached = runner.net.reached
        for observer in observers:
            _require_reached(model, observer, reached)
        read = dict.fromkeys(use.read for use in uses)
        made = list(dict.fromkeys(use.made for use in uses if use.made in reached))
        for batch in batches:
            values, slopes = runner.values_and_gradients(batch, read, made)
            for observer in observers:
                observer.add(values, slopes, batch.count)


def _require_reached(
    model: Model, observer: WeightGradientObserver, reached: Collection[Value]
) -> None:
    if not any(use.made in reached for use in observer.uses):
        raise PlanError(
            "the loss does not depend on its weights",
            file=model.prototxt.file,
            layer=observer.uses[0].product.layer.name,
            remedy=Remedy(
                "leave that layer out, or say with {} what labels are for", "task_output"
            ),
        )
