"""What forms there are for a layer, and how much work it is to know what they lose."""

from __future__ import annotations

import threading
from typing import Any, List, Set, Tuple

import numpy as np
import pytest
import scipy.linalg
from budget_nets import small_net, some_inputs

import netsurgery.linalg.threads as threads
from netsurgery.budgets import Budget, BudgetRequest, choices, plan_budget, search
from netsurgery.budgets.output import Output
from netsurgery.budgets.scores import Energy
from netsurgery.calibration import Calibrator
from netsurgery.costs import NetCost
from netsurgery.planning import Plan

REQUEST = BudgetRequest(Budget(macs=0.5), score="output", refit=False)


def plan(inputs: int, engine: str) -> Plan:
    calibrator = Calibrator(some_inputs(inputs), engine)
    with calibrator.sessions:
        return plan_budget(small_net(), REQUEST, calibrator)


def test_methods_that_are_looked_at_together_offer_the_same(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = plan(40, opencv)
    monkeypatch.setattr(threads, "thread_count", lambda: 3)
    monkeypatch.setattr(threads, "SMALL_WORK", 1.0)
    busy: Set[int] = set()
    lost = Output.lost

    def watched(self: Output, *arguments: Any) -> np.ndarray:
        busy.add(threading.get_ident())
        return lost(self, *arguments)

    monkeypatch.setattr(Output, "lost", watched)
    together = plan(40, opencv)
    assert len(busy) > 1
    assert together.edits == alone.edits
    assert together.expected == alone.expected


def test_of_few_inputs_no_matrix_is_decomposed_that_is_as_wide_as_a_layer(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layer fc1 makes 32 numbers of each of four inputs: what varies has rank four at most."""
    seen: List[Tuple[int, ...]] = []
    for name in ("eigh", "eigvalsh"):
        found = getattr(scipy.linalg, name)

        def watched(matrix: np.ndarray, *rest: Any, found: Any = found, **more: Any) -> Any:
            seen.append(matrix.shape)
            return found(matrix, *rest, **more)

        monkeypatch.setattr(scipy.linalg, name, watched)
    plan(4, opencv)
    assert (32, 32) not in seen
    seen.clear()
    plan(40, opencv)
    assert (32, 32) in seen


def test_forms_of_a_layer_are_reckoned_alike_for_threads_and_for_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    works: List[float] = []

    def noted(look: Any, methods: Any, work: float) -> List[Any]:
        works.append(work)
        return []

    monkeypatch.setattr(choices, "in_parallel", noted)
    model, methods = small_net(), REQUEST.low_rank()
    for layer in model.network().layers:
        if model.blobs(layer.name):
            how = (Energy(), NetCost(model), ["macs"], 1)
            choices.find_choices(model, layer.name, methods, *how)
            assert search._work_of(model, layer, methods) == search._OF_ITSELF + works[-1]
    assert works[2] == 10 * 32 * 480 * 32  # fc1
    assert len(works) == 4
