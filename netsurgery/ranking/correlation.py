"""How well criteria predict an oracle: the table of Molchanov et al. 2017."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Dict, Mapping

import numpy as np

from netsurgery.criteria import l2_normalised

Scores = Mapping[str, np.ndarray]
Free = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Correlation:
    """Spearman correlations of one criterion with the oracle; NaN where there is none.

    Attributes:
        layers: Within each layer, by the name of its group.
        mean: Mean of these, without those that are NaN.
        raw: Over the channels of all layers.
        normalised: The same with each layer's scores divided by their l2 norm.
    """

    layers: Dict[str, float]
    mean: float
    raw: float
    normalised: float


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation, ties given their average rank.

    NaN for fewer than two numbers, or where one side is all alike.
    """
    from scipy.stats import spearmanr

    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(spearmanr(a, b)[0])


def correlate(scores: Scores, oracle: Scores, free: Free) -> Correlation:
    """Correlate a criterion with an oracle.

    Args:
        scores: For each group the scores, shape (channels,).
        oracle: For each group the magnitudes of the changes of the loss, shape (channels,).
        free: For each group the channels that can be removed, which count.
    """
    kept = {name: scores[name][channels] for name, channels in free.items()}
    truth = {name: oracle[name][channels] for name, channels in free.items()}
    layers = {name: spearman(kept[name], truth[name]) for name in free}
    known = [value for value in layers.values() if not math.isnan(value)]
    return Correlation(
        layers,
        math.fsum(known) / len(known) if known else math.nan,
        _over_all(kept, truth),
        _over_all(l2_normalised(kept), truth),
    )


def _over_all(scores: Scores, oracle: Scores) -> float:
    return spearman(*(np.concatenate([part[name] for name in oracle]) for part in (scores, oracle)))
