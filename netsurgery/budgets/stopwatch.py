"""How long a net takes in an engine, as little as other company on the machine adds to it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import List, Optional

from netsurgery.calibration.batching import input_shapes
from netsurgery.calibration.random_inputs import random_inputs
from netsurgery.calibration.running import place_weights
from netsurgery.engines import Engine, Session
from netsurgery.network.model import Model

_SPAN = 0.2
"""Seconds for which a net is run again and again: what is short is more often disturbed."""
_FEWEST, _MOST = 5, 200


class Stopwatch:
    """Times nets one after another in one child process of an engine.

    Attributes:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._session: Optional[Session] = None

    def time(self, model: Model, anew: bool = False) -> float:
        """Return the least seconds of some forward passes: the others only had more company.

        Args:
            model: The net with its weights; it is run on random inputs of the shapes it declares.
            anew: Start another child process for it.

        Raises:
            EngineError: The engine refuses the net, or gave up.
        """
        network = model.network()
        size = next(iter(input_shapes(network).values()))[0]
        inputs = next(random_inputs(network, 1).batches(size)).inputs
        with tempfile.TemporaryDirectory(prefix="netsurgery-") as folder:
            session = self._open(model, Path(folder), anew)
        first = min(session.time(1, inputs))
        repeats = int(min(max(_SPAN / max(first, 1e-9), _FEWEST), _MOST))
        times: List[float] = session.time(repeats, inputs)
        return min(first, *times)

    def close(self) -> None:
        """End the child process, if there is one."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self, model: Model, folder: Path, anew: bool) -> Session:
        prototxt = folder / "net.prototxt"
        prototxt.write_bytes(model.prototxt.data)
        weights = place_weights(model.weights, model.network(), self.engine, folder)
        if anew:
            self.close()
        before, self._session = self._session, None
        if before is None:
            self._session = self.engine.open(prototxt, weights)
        else:
            self._session = self.engine.reopen(before, prototxt, weights)
        return self._session
