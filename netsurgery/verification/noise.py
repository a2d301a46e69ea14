"""The float noise of a net: how far it is from itself when only its rounding changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Iterator, Mapping

import numpy as np

from netsurgery.calibration import Batch, Inputs, Role, Runner, input_roles, input_shapes
from netsurgery.network import Network, Value
from netsurgery.verification.comparison import Comparison, Noise
from netsurgery.verification.row_channel import RowChannelDifference, louder
from netsurgery.verification.tallies import Blobs, Tally

NOISE_SAMPLES = 8
_SMALL = 4


class NoiseMeter:
    """Runs a net against itself on its first samples, eight or a batch.

    Once with every real value that is fed moved by one unit in the last place, up or down at
    random: no float32 computation can promise more than that. And once a sample at a time
    instead of a batch together: the engine then sums in another order. The larger of the two
    differences is the noise.
    """

    def __init__(
        self,
        runner: Runner,
        values: Mapping[str, Value],
        kinds: Mapping[str, type[Tally]],
        *,
        apart: bool,
        seed: int = 0,
        fine: bool = False,
        cut: Callable[[Blobs], Blobs] = lambda blobs: blobs,
    ) -> None:
        """Start with nothing.

        Args:
            runner: The net.
            values: The values to look at, by name.
            kinds: How each value is compared.
            apart: Whether each sample may be fed alone.
            seed: Seed of the directions.
            fine: Whether to measure the noise of every sample and channel, too.
            cut: Leaves of blobs what is compared.
        """
        self._runner = runner
        self._values = values
        self._roles = input_roles(runner.fed, input_shapes(runner.fed))
        self._moved, self._alone = (Comparison(kinds, fine=fine) for _ in range(2))
        self._cut = cut
        self._apart = apart
        self._random = np.random.default_rng(seed)
        self._left = NOISE_SAMPLES

    def add(self, batch: Batch, together: Blobs) -> None:
        """Take in a batch and the blobs that the net gives for it.

        Raises:
            EngineError: The engine gave up.
        """
        if self._left <= 0:
            return
        self._moved.add(together, self._run(self._move(batch)))
        if self._apart and batch.size > 1:
            for i, single in enumerate(_singles(batch, min(batch.count, self._left))):
                rows = {name: _rows_of(blob, i, batch.count) for name, blob in together.items()}
                self._alone.add(rows, self._run(single))
        self._left -= batch.count

    def noise(self) -> dict[str, Noise]:
        """Return the float noise of each value."""
        moved, alone = self._moved.differences(), self._alone.differences()
        noise, fine = {}, self.fine()
        for name, differences in ((name, (moved[name], alone[name])) for name in moved):
            agreements = [d.agreement for d in differences if d.agreement is not None]
            largest = max(d.error for d in differences)
            rows = [one.row for one in (fine.get(name),) if one]
            noise[name] = Noise(largest, min(agreements, default=1.0), max(rows, default=0.0))
        return noise

    def fine(self) -> dict[str, RowChannelDifference]:
        """Return the float noise of rows and channels, where that was asked for."""
        moved, alone = self._moved.fine(), self._alone.fine()
        both = {name: louder(moved.get(name), alone.get(name)) for name in {**moved, **alone}}
        return {name: one for name, one in both.items() if one is not None}

    def _run(self, batch: Batch) -> Blobs:
        return self._cut(self._runner.run(batch, self._values))

    def _move(self, batch: Batch) -> Batch:
        """Return the batch with every real value moved to a float32 next to it."""
        inputs = dict(batch.inputs)
        for name, array in inputs.items():
            if self._roles[name] is Role.VALUES:
                ends = np.where(self._random.random(array.shape) < 0.5, -np.inf, np.inf)
                inputs[name] = np.nextafter(array, ends.astype(np.float32))
        return Batch(inputs, batch.count, batch.size)


def _singles(batch: Batch, count: int) -> Iterator[Batch]:
    for i in range(count):
        yield Batch({name: array[i : i + 1] for name, array in batch.inputs.items()}, 1, 1)


def _rows_of(blob: np.ndarray, sample: int, count: int) -> np.ndarray:
    rows = blob.shape[0] // count
    return blob[sample * rows : (sample + 1) * rows]


def with_small_ones(network: Network, inputs: Inputs) -> Inputs:
    """Return random inputs with a few more that are small: they show what biases do.

    What real values there are of the first four samples is added again, near 2^-3, 2^-5, 2^-7 and
    2^-9, as what a large input makes hides what does not grow with it.
    """
    roles = input_roles(network, input_shapes(network))
    arrays: dict[str, np.ndarray] = {}
    for name, samples in inputs.arrays.items():
        whole = np.asarray(samples)
        few = whole[:_SMALL]
        if roles[name] is Role.VALUES:
            sizes = (np.abs(one).max(initial=0) or 1 for one in few)
            steps = (2.0 ** -(3 + 2 * place) for place in range(len(few)))
            few = np.stack([one * (step / size) for one, size, step in zip(few, sizes, steps)])
        arrays[name] = np.concatenate([whole, few.astype(whole.dtype)])
    description = f"{inputs.description}, and {min(_SMALL, len(inputs))} small ones"
    return replace(inputs, arrays=arrays, description=description)
