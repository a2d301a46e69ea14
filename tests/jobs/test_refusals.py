"""What a request says of the net, and cannot be, is refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

import netsurgery as ns

NET = ("examples/digits/deploy.prototxt", "examples/digits/digits.caffemodel")
PIXELS = np.zeros((2, 1, 16, 16), np.float32)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"inputs": ns.Inputs({"x": PIXELS})}, "inputs are 'data', not 'x'"),
        ({"calibrate": ns.Inputs({"x": PIXELS}), "fit": "data"}, "inputs are 'data', not 'x'"),
        ({"output_kinds": {"scores": "classes"}}, "no output 'scores'; its outputs are prob"),
        ({"output_kinds": {"prob": "cats"}}, "'cats' is no kind of output; choose among"),
        ({"task_output": "scores"}, "no output 'scores'; its outputs are prob"),
        ({"templates": "nowhere"}, "nowhere: `templates` is no folder"),
    ],
)
def test_nothing_is_written_for_what_the_net_does_not_have(
    tmp_path: Path, fields: Dict[str, Any], told: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(ns.NetsurgeryError, match=told):
        ns.compress(NET, ns.CompressRequest(energy=0.9, **fields), out)
    assert not out.exists()


def test_an_empty_name_is_not_taken_for_the_folder_one_is_in() -> None:
    with pytest.raises(ns.NetsurgeryError, match="empty name"):
        ns.compress(NET, ns.CompressRequest(energy=0.9), "")
    with pytest.raises(ns.NetsurgeryError, match="empty name"):
        ns.plan(NET, ns.PlanRequest(energy=0.9), "")


def test_numbers_of_numpy_are_numbers() -> None:
    plan = ns.plan(NET, ns.PlanRequest(energy=np.float32(0.9)))  # type: ignore[arg-type]
    assert plan == ns.plan(NET, ns.PlanRequest(energy=float(np.float32(0.9))))


@pytest.mark.parametrize("shares", [(0.9, 0.5), (0.5, 0.5)])
def test_budgets_of_a_sweep_rise(shares: tuple) -> None:
    with pytest.raises(ns.NetsurgeryError, match="`sweep` does not rise"):
        ns.sweep(NET, ns.SweepRequest(sweep=shares))


def test_a_ranking_is_by_something() -> None:
    with pytest.raises(ns.NetsurgeryError, match="`criteria`"):
        ns.rank(NET, ns.RankRequest(criteria=()))
