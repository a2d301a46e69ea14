"""What a saliency is: it says how much each weight matters, and what becomes of those that stay.

A saliency is one file in this room with a class registered under its name. Other packages add
theirs through the entry point ``netsurgery.saliencies``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, Mapping, Optional, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.criteria import WEIGHTS
from netsurgery.errors import PlanError, Remedy
from netsurgery.network import Masks, Model, ParameterKey
from netsurgery.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class PrunableNet:
    """A model whose weights are to be pruned, and what a saliency may look at.

    Attributes:
        model: The model.
        keys: The weights that may go.
        masks: What is closed already.
        calibrator: Runs inputs; None without any.
        seed: For what is random.
        options: What only some saliencies take, by name.
        progress: Told how far long work is.
    """

    model: Model
    keys: Tuple[ParameterKey, ...]
    masks: Masks = field(default_factory=dict)
    calibrator: Optional[Calibrator] = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = silent

    def weights(self, key: ParameterKey) -> np.ndarray:
        """Return weights, float32, with zeros for what is closed."""
        array = self.model.blobs(key[0])[key[1]].array()
        return np.where(self.masks[key], array, np.float32(0)) if key in self.masks else array

    def require_calibrator(self, asker: str = "this saliency") -> Calibrator:
        """Return what runs inputs.

        Args:
            asker: Who looks at what they make, for the words of the error.

        Raises:
            PlanError: There are none.
        """
        if self.calibrator is None:
            raise PlanError(
                f"{asker} looks at what the net computes, and there are no inputs",
                file=self.model.prototxt.file,
                remedy=Remedy("give some with {}", "calibrate"),
            )
        return self.calibrator


class Saliency(ABC):
    """Base of every saliency.

    Attributes:
        name: What users call it.
        needs: ``"weights"``, ``"activations"`` (inputs) or ``"gradients"`` (inputs, and an engine
            with gradients), as of a channel criterion.
        source: Author and year.
        comparable: Whether scores of different layers are in one unit.
        takes: The options that it knows.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    source: ClassVar[str]
    comparable: ClassVar[bool] = True
    takes: ClassVar[Tuple[str, ...]] = ()

    @abstractmethod
    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return how much each weight matters: the lower, the sooner it goes; 0 or more.

        What is closed already may get any score; `ranking` leaves it out.

        Returns:
            For each key float64, of the shape of its blob.

        Raises:
            PlanError: What it looks at is not there.
            EngineError: There is no engine that can run what it asks for.
        """

    def ranking(self, net: PrunableNet, together: bool) -> Dict[ParameterKey, np.ndarray]:
        """Return the scores that `linalg.choose_open` takes.

        Args:
            net: The net.
            together: Whether weights of different layers are held against each other. Where their
                scores are in other units, those of each layer are divided by their Euclidean norm.

        Returns:
            For each key float64, of the shape of its blob; ``-inf`` where it is closed.

        Raises:
            PlanError: What it looks at is not there, an option is unknown to it, or a score is no
                finite number.
            EngineError: There is no engine that can run what it asks for.
        """
        self._require_options(net)
        if self.needs != WEIGHTS:
            net.require_calibrator(self.name)
        scores = self.scores(net)
        found = {}
        for key in net.keys:
            free = net.masks.get(key, np.True_)
            score = np.where(free, scores[key], 0.0)
            if not np.isfinite(score).all():
                raise PlanError(
                    f"{self.name} gives scores that are no finite numbers",
                    file=net.model.prototxt.file,
                    layer=key[0],
                    remedy="look for weights or inputs that are NaN or infinite",
                )
            length = float(np.linalg.norm(score)) if together and not self.comparable else 1.0
            found[key] = np.where(free, score / length if length else score, -np.inf)
        return found

    def solve(self, net: PrunableNet, masks: Masks) -> Dict[ParameterKey, np.ndarray]:
        """Return the weights after pruning: here those that stay are as they were.

        Args:
            net: The net before.
            masks: What is free afterwards.

        Returns:
            For each key that has a mask float32, of the shape of its blob, 0 where it is closed.

        Raises:
            PlanError: What it looks at is not there.
            EngineError: There is no engine that can run what it asks for.
        """
        return {
            key: np.where(masks[key], net.weights(key), np.float32(0))
            for key in net.keys
            if key in masks
        }

    def work(self, net: PrunableNet) -> float:
        """Return about how many operations scores and weights take, beside running inputs.

        Args:
            net: The net; its numbers are not looked at.
        """
        return 0.0

    def notes(self, net: PrunableNet) -> Tuple[str, ...]:
        """Return what the scores of a net do not look at, and what follows for them; a line each.

        Args:
            net: The net.
        """
        return ()

    def _require_options(self, net: PrunableNet) -> None:
        for option in net.options:
            if option not in self.takes:
                known = f"choose among {', '.join(self.takes)}" if self.takes else "leave it out"
                raise PlanError(f"{self.name} has no option {option!r}", remedy=known)
