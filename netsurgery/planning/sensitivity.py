"""What a loss in one place does to a net's outputs: found by trying it, once for each group.

A criterion says what cutting channels costs the layers that read them. How much of that arrives at
the outputs differs from place to place: a branch beside a strong trunk matters little.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Sized

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.criteria import RemovalOrder
from netsurgery.methods import compensate, kept_origins
from netsurgery.network import ChannelGroup, Model, thin_model
from netsurgery.planning.distances import distances_of
from netsurgery.planning.downstream import are_readers_fitted
from netsurgery.planning.trial import try_change
from netsurgery.progress import Progress, silent

INPUTS = 256
"""How many inputs tell how far an error goes."""

FEWEST = 64
"""How many they are at least where layers are fitted to them."""

CUT = 0.3
"""Share of a group's channels that is cut to see what comes of it."""


Downstream = Callable[[Mapping[str, Sized]], List[str]]
"""Which layers are fitted when groups keep some channels."""


def by_outputs(
    model: Model,
    groups: Sequence[ChannelGroup],
    rankings: Mapping[str, RemovalOrder],
    calibrator: Calibrator,
    progress: Progress = silent,
    downstream: Optional[Downstream] = None,
) -> Dict[str, RemovalOrder]:
    """Return rankings whose losses are in units of the net's outputs.

    In each group alone, the first channels of its ranking are cut and the layers that read them
    fitted; the losses are scaled to what that did to the outputs. Where the plan will fit all
    layers behind a cut, so do the trials: the more layers are behind, the more they mend.

    Args:
        model: The network.
        groups: Its groups of channels.
        rankings: In which order channels of some groups go, and what each costs.
        calibrator: Runs inputs.
        progress: Told each group.
        downstream: Which layers will be fitted; only those that read the channels if None.

    Raises:
        EngineError: There is no engine, or it refuses a model.
    """
    few = calibrator.spread(_count(len(calibrator.inputs), len(rankings), downstream is not None))
    distances = distances_of(model.network())
    found = {}
    ranked = [group for group in groups if group.name in rankings]
    # The earlier a group, the more there is behind it to be run and fitted.
    work = range(len(ranked), 0, -1)
    for group in progress.each(ranked, "trials", "groups", attrgetter("name"), work):
        ranking = rankings[group.name]
        gone = ranking.order[: max(1, round(CUT * len(ranking.order)))]
        keep = np.setdiff1d(np.arange(group.channels), gone).tolist()
        if not keep or not _may(group, keep):
            found[group.name] = ranking
            continue
        thinned = thin_model(model, groups, {group.name: keep})
        names = downstream({group.name: keep}) if downstream else []
        if not names:
            thinned = compensate(model, thinned, group, keep, "patches", calibrator)
        elif not are_readers_fitted(group, names):
            thinned = compensate(model, thinned, group, keep, "channels", few)
        origins = kept_origins(group, keep)
        distance = try_change(model, thinned, names, distances, few, origins).distance
        lost = float(ranking.losses[: len(gone)].sum())
        found[group.name] = RemovalOrder(ranking.order, ranking.losses * _ratio(distance, lost))
    return found


def _count(inputs: int, trials: int, fits: bool) -> int:
    """How many inputs to try on: all trials with their fits cost no more than those of the plan."""
    return min(INPUTS, max(FEWEST, inputs // max(trials, 1))) if fits else INPUTS


def _ratio(distance: float, lost: float) -> float:
    return distance / lost if lost > 0 else 1.0


def _may(group: ChannelGroup, keep: Sequence[int]) -> bool:
    """Whether blocks that must keep as many do so."""
    stays = np.isin(np.arange(group.channels), keep)
    return all(len(set(stays[rows].sum(axis=1).tolist())) == 1 for rows in group.balanced)
