"""Which weights close: scores become masks, and what closes becomes zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.errors import PlanError
from netsurgery.linalg import Pattern, choose_open
from netsurgery.network import Masks, Model, ParameterKey, as_stored, outputs_first
from netsurgery.progress import Progress, silent
from netsurgery.saliency import PrunableNet, Saliency
from netsurgery.training import deployed_model


@dataclass(frozen=True, eq=False)
class Masking:
    """How masks are made.

    Attributes:
        saliency: What says how much each weight matters.
        keys: The weights that may close.
        pattern: What goes together.
        together: Whether the least of all layers go, or those of each.
        seed: For what is random.
        options: What only some saliencies take.
    """

    saliency: Saliency
    keys: Tuple[ParameterKey, ...]
    pattern: Pattern = field(default_factory=Pattern)
    together: bool = True
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def solves(self) -> bool:
        """Whether the weights that stay become others when some go."""
        return type(self.saliency).solve is not Saliency.solve

    def net(
        self,
        model: Model,
        masks: Optional[Masks] = None,
        calibrator: Optional[Calibrator] = None,
        progress: Progress = silent,
    ) -> PrunableNet:
        """Return what the saliency looks at.

        Args:
            model: The net as it is.
            masks: What is closed.
            calibrator: Runs inputs, where there are some.
            progress: Told how far long work is.
        """
        mine = {key: mask for key, mask in (masks or {}).items() if key in self.keys}
        return PrunableNet(model, self.keys, mine, calibrator, self.seed, self.options, progress)

    def masks(self, net: PrunableNet, sparsity: float) -> Dict[ParameterKey, np.ndarray]:
        """Return masks that close so many of the weights that may close; what is closed stays so.

        Args:
            net: The net, with what is closed.
            sparsity: The share of the weights of `keys` to close.

        Raises:
            PlanError: What the saliency looks at is not there, or the pattern closes another share.
            EngineError: There is no engine that can run what it asks for.
        """
        scores = self.saliency.ranking(net, self.together)
        return self.chosen(net.model, scores, sparsity)

    def chosen(
        self, model: Model, scores: Mapping[ParameterKey, np.ndarray], sparsity: float
    ) -> Dict[ParameterKey, np.ndarray]:
        """Return masks by scores.

        Args:
            model: Tells how weights lie.
            scores: For each of `keys`, ``-inf`` where it is closed.
            sparsity: The share to close.

        Raises:
            PlanError: The pattern closes another share.
        """
        ordered = [outputs_first(model, key, scores[key]) for key in self.keys]
        try:
            found = choose_open(ordered, sparsity, self.pattern, self.together)
        except ValueError as error:
            raise PlanError(str(error)) from None
        return {key: as_stored(model, key, stays) for key, stays in zip(self.keys, found)}


class Closed(NamedTuple):
    """A model with weights closed.

    Attributes:
        model: With zeros under the masks, which its blobs carry.
        masks: All of them: also those of weights that were not to close now.
    """

    model: Model
    masks: Dict[ParameterKey, np.ndarray]


def close_weights(
    model: Model,
    masking: Masking,
    sparsity: float,
    masks: Optional[Masks] = None,
    calibrator: Optional[Calibrator] = None,
    progress: Progress = silent,
) -> Closed:
    """Close weights of a model; those that stay become what the saliency says.

    Args:
        model: The model.
        masking: How.
        sparsity: The share of the weights of `Masking.keys` to close.
        masks: What is closed already.
        calibrator: Runs inputs, where there are some.
        progress: Told how far long work is.

    Raises:
        PlanError: It cannot be done.
        EngineError: There is no engine that can run what the saliency asks for.
    """
    net = masking.net(model, masks, calibrator, progress)
    chosen = masking.masks(net, sparsity)
    solved = masking.saliency.solve(net, chosen)
    arrays: Dict[str, List[np.ndarray]] = {}
    for (name, index), array in solved.items():
        blobs = arrays.setdefault(name, [blob.array() for blob in model.blobs(name)])
        blobs[index] = array
    every = {**(masks or {}), **chosen}
    return Closed(deployed_model(model, arrays, every), every)


class LayerSparsity(NamedTuple):
    """How many weights of a layer are left.

    Attributes:
        layer: Its name.
        weights: How many it has.
        left: How many are not closed.
    """

    layer: str
    weights: int
    left: int

    @property
    def sparsity(self) -> float:
        """The share that is closed."""
        return 1 - self.left / self.weights


def layer_sparsities(masks: Masks) -> Tuple[LayerSparsity, ...]:
    """Return how many weights each masked layer has left."""
    return tuple(
        LayerSparsity(name, mask.size, int(np.count_nonzero(mask)))
        for (name, _), mask in masks.items()
    )
