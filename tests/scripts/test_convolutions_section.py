"""The section on low-rank convolutions says of figures what they are."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from netsurgery.linalg.tradeoff import Cost, Energies, Tradeoff

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def section(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("sections.convolutions")


@pytest.fixture
def factored(section: ModuleType) -> ModuleType:
    return importlib.import_module("factored")


def figures(factored: ModuleType, net: str, **accuracies: float) -> dict:
    """Accuracies of a net whose original has 0.8."""
    accuracy = importlib.import_module("accuracy")
    cases = {
        factored.Uniform(net, "original"): 0.8,
        factored.Uniform(net, "channel_svd"): accuracies["plain"],
        factored.Uniform(net, "spatial_svd"): accuracies["tai"],
        factored.Planned(net, 0.5): accuracies["planned"],
    }
    return {case: accuracy.Found(value, 0.5, 0.5) for case, value in cases.items()}


@pytest.mark.parametrize(
    ("planned", "text"),
    [
        (0.75, "beats both on all 1 measured; loses at most half on all 1 measured."),
        (
            0.66,
            "beats both on all 1 measured; loses at most half on 0 of 1 measured, not on small.",
        ),
        (
            0.55,
            "beats both on 0 of 1 measured, not on small; "
            "loses at most half on 0 of 1 measured, not on small.",
        ),
    ],
)
def test_a_fit_is_held_against_the_better_of_both(
    section: ModuleType, factored: ModuleType, planned: float, text: str
) -> None:
    found = figures(factored, "small", plain=0.4, tai=0.6, planned=planned)
    unknown = factored.Planned("another", 0.5)
    assert section._compared([factored.Planned("small", 0.5), unknown], found) == text


def test_an_aim_is_reached_or_not(section: ModuleType, factored: ModuleType) -> None:
    net, other = section.NAMED[:2]
    found = {
        **figures(factored, net, plain=0.4, tai=0.6, planned=0.745),
        **figures(factored, other, plain=0.4, tai=0.6, planned=0.735),
    }
    lines = section._aims(found)
    assert f"- {net} at 0.5, aim 6: 5.5, reached" in lines
    assert f"- {other} at 0.5, aim 6: 6.5, NOT reached" in lines
    assert f"- {net} at 0.7, aim 3: not measured yet" in lines


def test_every_layer_gets_the_largest_rank_within_its_share(factored: ModuleType) -> None:
    def nothing() -> Energies:
        return Energies((), np.zeros(0))

    costs = Tradeoff((8, 6), (6,), Cost(48, (6, 8)), lambda: Cost(4800, (600, 800)), nothing)
    assert factored.rank_for(costs, 0.5) == 1
    assert factored.rank_for(costs, 0.6) == 2
    assert factored.rank_for(costs, 0.2) is None
