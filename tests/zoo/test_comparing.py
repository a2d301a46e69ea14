"""Two runs held against each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest

from netsurgery.zoo import Index, Outcome, compare_batches

COSTS = {"params": 100, "macs": 200, "bytes": 300}
GOOD = {"blob": "prob", "kind": "classes", "figure": "agreement", "value": 0.99, "unit": "%"}
FIGURES = {
    "before": COSTS,
    "after": COSTS,
    "proof": "passed",
    "quality": "good",
    "error": 0.1,
    "outputs": [{**GOOD, "good": 0.98, "lost": 0.85, "verdict": "good"}],
}
ONE = Outcome("net", "k", "compress", "compressed", seconds=10.0, figures=FIGURES)


def changed(**figures: Any) -> Outcome:
    return replace(ONE, figures={**FIGURES, **figures})


def index_of(outcome: Optional[Outcome]) -> Index:
    models = () if outcome is None else (outcome,)
    return Index("zoo", "compress", models, (), len(models), {"net": ("p", "w")})


@pytest.mark.parametrize(
    ("after", "change", "told"),
    [
        (replace(ONE, seconds=12.0), "same", ""),
        (None, "lost", "first run only"),
        (replace(ONE, status="refused", reason="no"), "lost", "compressed before, refused now: no"),
        (replace(ONE, status="failed"), "lost", "failed now"),
        (replace(ONE, status="kept"), "worse", "kept now"),
        (changed(quality="degraded"), "worse", "quality good before, degraded now"),
        (changed(quality="unjudged"), "same", ""),
        (changed(error=0.2), "worse", "error 0.1 before, 0.2 now"),
        (changed(error=0.1005), "same", ""),
        (changed(error=0.05), "better", "error"),
        (changed(after={**COSTS, "macs": 150}), "better", "macs left 200 before, 150 now"),
        (changed(after={**COSTS, "bytes": 400}), "worse", "bytes left"),
        (changed(outputs=[{**FIGURES["outputs"][0], "value": 0.9}]), "worse", "agreement of prob"),  # type: ignore[index]
        (replace(ONE, seconds=16.0), "slower", "took 10.0 s, now 16.0 s"),
        (replace(changed(error=0.05), seconds=16.0), "slower", "took 10.0 s, now 16.0 s"),
        (replace(changed(error=0.2), seconds=16.0), "worse", "error"),
    ],
)
def test_what_became_of_a_model(after: Optional[Outcome], change: str, told: str) -> None:
    done = compare_batches(index_of(ONE), index_of(after))
    (one,) = done.models
    assert one.change == change
    assert told in "; ".join(one.reasons)
    assert done.counts == {change: 1}
    assert bool(done) is (change not in ("lost", "worse"))


def test_what_is_there_again_is_better_and_what_is_there_first_is_new() -> None:
    refused = index_of(replace(ONE, status="refused"))
    assert compare_batches(refused, index_of(ONE)).models[0].change == "better"
    assert compare_batches(index_of(None), index_of(ONE)).models[0].change == "new"
