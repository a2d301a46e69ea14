"""What it loses to put a low-rank form in the place of a layer, without doing so."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable, ClassVar, Dict, Sequence

import numpy as np

from netsurgery.costs import six_digits
from netsurgery.linalg import Ranks, Tradeoff, even_numbers
from netsurgery.methods import LowRankMethod
from netsurgery.network import Model
from netsurgery.planning import Expected

WORST = 1e-6
"""Share of the energy that is at least taken to be left, so that losses stay finite."""


class Score(ABC):
    """Tells losses that add up over layers.

    Attributes:
        name: What users call it.
        several_at_once: Whether several threads may ask what forms of a layer lose.
    """

    name: ClassVar[str]
    several_at_once: ClassVar[bool] = True

    def options(self, model: Model, chosen: LowRankMethod, layer: str) -> Dict[str, Any]:
        """Return what an edit needs beside its rank, to do what is scored."""
        return {}

    def prepare(self, model: Model) -> None:
        """Learn what takes long and is needed for all layers, before the first is asked about."""
        return

    @abstractmethod
    def lost(
        self,
        model: Model,
        chosen: LowRankMethod,
        layer: str,
        tradeoff: Tradeoff,
        ranks: Sequence[Ranks],
    ) -> np.ndarray:
        """Return the share of the layer's energy that is lost at each of some ranks.

        Raises:
            PlanError: The method cannot take the layer, or it cannot be scored.
        """

    def losses(self, model: Model, layer: str, lost: np.ndarray) -> np.ndarray:
        """Return shares that a layer loses as losses that add up.

        Their sum is the logarithm of the product of the energies that are left (Zhang et al. 2015).
        """
        found: np.ndarray = -np.log(np.maximum(1.0 - lost, WORST))
        return found

    def predict(self, model: Model, loss: float) -> Expected:
        """Return what a loss of all layers together means for the net.

        ``predicted`` is the error of the outputs where the product of the layers' energies is what
        is left of their energy.
        """
        return Expected(predicted=six_digits(float(np.sqrt(-np.expm1(-loss)))))


class Energy(Score):
    """The energy of the weights, ``1 - ||W - W'||^2 / ||W||^2``: no data, seconds."""

    name: ClassVar[str] = "energy"

    def lost(
        self,
        model: Model,
        chosen: LowRankMethod,
        layer: str,
        tradeoff: Tradeoff,
        ranks: Sequence[Ranks],
    ) -> np.ndarray:
        """Return ``||W - W'||^2 / ||W||^2``."""
        return np.array([tradeoff.lost(one) for one in ranks])


def read_off(energies: np.ndarray, measure: Callable[[int], float], most: int) -> np.ndarray:
    """Return what forms lose, of which a few are measured, the others read off in between.

    What loses more energy of the weights is taken to lose no less of anything else (He et al. 2018
    and AIMET fit monotone curves likewise).

    Args:
        energies: The share of the weights' energy that each form loses.
        measure: Returns what the form of that number loses.
        most: How many are measured.
    """
    order = np.argsort(energies, kind="stable")
    grid = [int(order[number]) for number in even_numbers(len(order), most)]
    losses = np.maximum.accumulate([max(measure(number), 0.0) for number in grid])
    return np.interp(energies, np.append(0.0, energies[grid]), np.append(0.0, losses))
