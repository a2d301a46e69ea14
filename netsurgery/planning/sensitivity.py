"""What a loss in one place does to a net's outputs: found by trying it, once for each group.

A criterion says what cutting channels costs the layers that read them. How much of that arrives at
the outputs differs from place to place: a branch beside a strong trunk matters little.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Mapping, Sequence

import numpy as np

from netsurgery.calibration.cache import question
from netsurgery.calibration.measuring import Seen, Source
from netsurgery.calibration.statistics import Statistics
from netsurgery.criteria.base import Ranking
from netsurgery.methods.reconstruction import compensate
from netsurgery.network.channels import ChannelGroup, thin_model
from netsurgery.network.graph import Value
from netsurgery.network.model import Model
from netsurgery.network.scores import score_values

INPUTS = 256
"""How many inputs tell how far an error goes."""

CUT = 0.3
"""Share of a group's channels that is cut to see what comes of it."""


class DistanceGauge:
    """How far the outputs of two models are apart.

    Attributes:
        squares: For each output, the sum of squared differences and that of the first's squares.
    """

    def __init__(self, outputs: Sequence[Value]) -> None:
        self._outputs = outputs
        self.squares = np.zeros((len(outputs), 2))

    @property
    def sources(self) -> Iterable[Source]:
        """The outputs of both."""
        return [Source(value, number) for value in self._outputs for number in (0, 1)]

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        for row, value in zip(self.squares, self._outputs):
            first, second = (seen[Source(value, number)].astype(np.float64) for number in (0, 1))
            row += ((first - second) ** 2).sum(), (first**2).sum()

    @property
    def distance(self) -> float:
        """The mean over outputs of the relative squared distance."""
        apart, whole = self.squares.T
        return float(np.mean(apart / np.maximum(whole, 1e-30)))


def by_outputs(
    model: Model,
    groups: Sequence[ChannelGroup],
    rankings: Mapping[str, Ranking],
    statistics: Statistics,
    progress: Callable[[str], None] = lambda name: None,
) -> Dict[str, Ranking]:
    """Return rankings whose losses are in units of the net's outputs.

    In each group alone, the first channels of its ranking are cut and the layers that read them
    fitted; the losses are scaled to what that did to the outputs.

    Args:
        model: The network.
        groups: Its groups of channels.
        rankings: In which order channels of some groups go, and what each costs.
        statistics: Runs inputs.
        progress: Called with the name of each group.

    Raises:
        EngineError: There is no engine, or it refuses a model.
    """
    few = statistics.spread(INPUTS)
    outputs = score_values(model.network())
    found = {}
    for group in groups:
        if group.name not in rankings:
            continue
        progress(f"{group.name}: what its channels do to the outputs")
        ranking = rankings[group.name]
        gone = ranking.order[: max(1, round(CUT * len(ranking.order)))]
        keep = np.setdiff1d(np.arange(group.channels), gone).tolist()
        if not keep or not _may(group, keep):
            found[group.name] = ranking
            continue
        thinned = thin_model(model, groups, {group.name: keep})
        thinned = compensate(model, thinned, group, keep, "patches", statistics)
        gauge = DistanceGauge(outputs)
        few.learn([model, thinned], {question("distance of", outputs): gauge})
        lost = float(ranking.losses[: len(gone)].sum())
        found[group.name] = Ranking(ranking.order, ranking.losses * _ratio(gauge.distance, lost))
    return found


def _ratio(distance: float, lost: float) -> float:
    return distance / lost if lost > 0 else 1.0


def _may(group: ChannelGroup, keep: Sequence[int]) -> bool:
    """Whether blocks that must keep as many do so."""
    stays = np.isin(np.arange(group.channels), keep)
    return all(len(set(stays[rows].sum(axis=1).tolist())) == 1 for rows in group.balanced)
