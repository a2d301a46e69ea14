"""The float noise of a net: how far it is from itself when only its rounding changes."""

from __future__ import annotations

from typing import Iterator, Mapping

import numpy as np

from netsurgery.calibration import Batch, Role, input_roles, input_shapes
from netsurgery.calibration.running import Runner
from netsurgery.network.graph import Value
from netsurgery.verification.comparison import Comparison, Noise
from netsurgery.verification.tallies import Blobs, Tally

NOISE_SAMPLES = 8


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
    ) -> None:
        """Start with nothing.

        Args:
            runner: The net.
            values: The values to look at, by name.
            kinds: How each value is compared.
            apart: Whether each sample may be fed alone.
            seed: Seed of the directions.
        """
        self._runner = runner
        self._values = values
        self._roles = input_roles(runner.network, input_shapes(runner.network))
        self._moved, self._alone = Comparison(kinds), Comparison(kinds)
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
        self._moved.add(together, self._runner.run(self._move(batch), self._values))
        if self._apart and batch.size > 1:
            for i, single in enumerate(_singles(batch, min(batch.count, self._left))):
                rows = {name: _rows_of(blob, i, batch.count) for name, blob in together.items()}
                self._alone.add(rows, self._runner.run(single, self._values))
        self._left -= batch.count

    def noise(self) -> dict[str, Noise]:
        """Return the float noise of each value."""
        moved, alone = self._moved.differences(), self._alone.differences()
        noise = {}
        for name, differences in ((name, (moved[name], alone[name])) for name in moved):
            agreements = [d.agreement for d in differences if d.agreement is not None]
            noise[name] = Noise(max(d.error for d in differences), min(agreements, default=1.0))
        return noise

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
