"""What plans that were carried out and measured tell of those that were not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterator, Mapping, Tuple

import numpy as np

from netsurgery.costs import facts_of
from netsurgery.planning import Plan

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
        found: Dict[str, Any] = {}
        for name, predicted, measured in _losses(plan.expected):
            if predicted > 0:
                found[name] = max(measured, 0.0) / predicted
                self._factors.setdefault(name, {})[predicted] = found[name]
        return _with(plan, correction=facts_of(found)) if found else plan

    def apply(self, plan: Plan) -> Plan:
        """Return a plan that was not measured with what it will be found to lose, ``corrected``.

        Without a measured one it comes back as it is.
        """
        predicted = _predicted(plan.expected)
        corrected = {name: self._factor(name, predicted) * predicted for name in self._factors}
        if METRIC in corrected:
            whole = plan.expected[METRIC]["whole"]
            corrected[METRIC] = whole * max(1.0 - corrected[METRIC], 0.0)
        return _with(plan, corrected=facts_of(corrected)) if corrected else plan

    def _factor(self, name: str, predicted: float) -> float:
        places, factors = zip(*sorted(self._factors[name].items()))
        return float(np.interp(predicted, places, factors))


def _predicted(expected: Mapping[str, Any]) -> float:
    """What a plan is predicted to lose: a share of the metric, or the error of the outputs."""
    if METRIC not in expected:
        return float(expected["predicted"])
    return 1.0 - float(expected[METRIC]["predicted"]) / float(expected[METRIC]["whole"])


def _losses(expected: Mapping[str, Any]) -> Iterator[Tuple[str, float, float]]:
    """Yield what is lost, how much of it was predicted, and how much measured."""
    predicted = _predicted(expected)
    if METRIC in expected:
        facts = expected[METRIC]
        yield METRIC, predicted, 1.0 - facts["measured"] / facts["whole"]
        return
    for name, error in expected.get("measured", {}).items():
        yield name, predicted, error


def _with(plan: Plan, **more: Any) -> Plan:
    return replace(plan, expected={**plan.expected, **more})
