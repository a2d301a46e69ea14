"""What plans that were carried out and measured tell of those that were not."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterator, Tuple

import numpy as np

from netsurgery.costs import all_six_digits
from netsurgery.planning import Expected, Plan

METRIC = "metric"


class Correction:
    """How much of what is predicted of whole nets is really lost.

    Losses of layers add up as if none knew of another, and say nothing of what follows them. What
    they leave out changes little from one budget to the next: it is taken for a factor, which
    between two predictions that were measured is read off a line, and beyond them stays.
    """

    def __init__(self) -> None:
        self._factors: Dict[str, Dict[float, float]] = {}

    def learn(self, plan: Plan) -> Plan:
        """Take in a plan that was measured, and return it with its factors as ``correction``."""
        found: Dict[str, float] = {}
        for name, predicted, measured in _losses(plan.expected):
            if predicted > 0:
                found[name] = max(measured, 0.0) / predicted
                self._factors.setdefault(name, {})[predicted] = found[name]
        expected = replace(plan.expected, correction=all_six_digits(found))
        return replace(plan, expected=expected) if found else plan

    def apply(self, plan: Plan) -> Plan:
        """Return a plan that was not measured with what it will be found to lose, ``corrected``.

        Without a measured one it comes back as it is.
        """
        if not self._factors:
            return plan
        predicted = _predicted(plan.expected)
        corrected = {name: self._factor(name, predicted) * predicted for name in self._factors}
        metric = plan.expected.metric
        if METRIC in corrected and metric is not None:
            corrected[METRIC] = metric.whole * max(1.0 - corrected[METRIC], 0.0)
        expected = replace(plan.expected, corrected=all_six_digits(corrected))
        return replace(plan, expected=expected)

    def _factor(self, name: str, predicted: float) -> float:
        places, factors = zip(*sorted(self._factors[name].items()))
        return float(np.interp(predicted, places, factors))


def _predicted(expected: Expected) -> float:
    """What a plan is predicted to lose: a share of the metric, or the error of the outputs."""
    metric = expected.metric
    if metric is not None and metric.predicted is not None:
        return 1.0 - metric.predicted / metric.whole
    assert expected.predicted is not None
    return expected.predicted


def _losses(expected: Expected) -> Iterator[Tuple[str, float, float]]:
    """Yield what is lost, how much of it was predicted, and how much measured."""
    predicted, metric = _predicted(expected), expected.metric
    if metric is not None:
        if metric.measured is not None:
            yield METRIC, predicted, 1.0 - metric.measured / metric.whole
        return
    for name, error in (expected.measured or {}).items():
        yield name, predicted, error
