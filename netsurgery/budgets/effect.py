"""What a low-rank form loses of the net's outputs."""

from __future__ import annotations

from typing import ClassVar, Dict, Optional

import numpy as np

from netsurgery.budgets.output import Output
from netsurgery.budgets.request import BudgetRequest
from netsurgery.budgets.trials import EffectCurve, Trials
from netsurgery.calibration import Calibrator
from netsurgery.network import Model
from netsurgery.progress import Progress


class Effect(Output):
    """The error of a layer's outputs, times how much of it arrives at those of the net.

    Each layer alone is cut to the principal components of what it makes, and the layers behind it
    are fitted, one after another, as the plan will fit them: an early error is mended by many, a
    late one by few.
    """

    name: ClassVar[str] = "effect"

    def __init__(self, calibrator: Calibrator, request: BudgetRequest, progress: Progress) -> None:
        """Prepare.

        Args:
            calibrator: Runs inputs.
            request: What the user asks for: what is kept, and whether layers will be fitted.
            progress: Told each layer that is tried.
        """
        super().__init__(calibrator, request)
        self._request, self._progress = request, progress
        self._arriving: Optional[Dict[str, EffectCurve]] = None

    def prepare(self, model: Model) -> None:
        """Try what becomes of errors, with the first model; thinned ones keep its layers' names."""
        if self._arriving is None:
            self._arriving = Trials(model, self.calibrator, self._request, self._progress).all()

    def losses(self, model: Model, layer: str, lost: np.ndarray) -> np.ndarray:
        """Return shares that a layer loses as losses of the net's outputs."""
        self.prepare(model)
        assert self._arriving is not None
        known = self._arriving
        # Layers that share their weights, or are too wide to be fitted, count like the others.
        those = [known[layer]] if layer in known else list(known.values())
        shares = [one.shares(lost) for one in those] or [np.ones_like(lost, dtype=float)]
        found: np.ndarray = np.mean(shares, axis=0) * super().losses(model, layer, lost)
        return found
