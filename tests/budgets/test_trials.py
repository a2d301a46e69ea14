"""What the trials of layers make of what they see: factors, limits and counts, by their numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from budget_nets import small_net, some_inputs
from small_models import make_model

from netsurgery.budgets import Budget, BudgetRequest
from netsurgery.budgets.trials import EffectCurve, Trials, _evening, _ranks_that_lose
from netsurgery.calibration import Calibrator, Inputs
from netsurgery.linalg import Scatter
from netsurgery.methods import why_not
from netsurgery.progress import silent

TWO_OUTPUTS = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 6 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        inner_product_param { num_output: 6 } }
layer { name: "b" type: "InnerProduct" bottom: "data" top: "b"
        inner_product_param { num_output: 6 } }
"""
SEEN: Dict[str, List[Tuple[float, List[float]]]] = {
    # What a layer loses, and how far both outputs then are from the original's.
    "a": [(0.1, [0.2, 0.001]), (0.2, [0.6, 0.002])],
    "b": [(0.05, [0.05, 0.004])],
}


def trials(monkeypatch: pytest.MonkeyPatch, **wished: Any) -> Trials:
    """Trials of two layers that see what `SEEN` says."""
    random = np.random.default_rng(0)
    blobs = {name: [random.normal(size=(6, 6)), random.normal(size=6)] for name in "ab"}
    inputs = Inputs({"data": random.normal(size=(64, 6)).astype(np.float32)})
    monkeypatch.setattr(
        Trials,
        "_try_all",
        lambda self, asked: [
            one.take([[lost, *seen] for lost, seen in SEEN[one.layer.name]]) for one in asked
        ],
    )
    request = BudgetRequest(Budget(macs=0.5), **wished)
    return Trials(make_model(TWO_OUTPUTS, blobs), Calibrator(inputs), request, silent)


def test_each_output_counts_as_much_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    found = trials(monkeypatch).all()
    # By what an output is hurt for what is lost: the mean of 2, 3 and 1, and that of 0.01 twice and
    # 0.08. Each is divided by its own mean and multiplied by the mean of both.
    of_one, of_other = 2.0, 0.1 / 3
    both = (of_one + of_other) / 2
    wanted = {
        name: [both * (seen[0] / of_one + seen[1] / of_other) / 2 for _, seen in tried]
        for name, tried in SEEN.items()
    }
    assert set(found) == set(wanted)
    for name, distances in wanted.items():
        assert found[name].distances == pytest.approx(distances)
        assert found[name].lost == pytest.approx([lost for lost, _ in SEEN[name]])


def test_what_is_kept_on_request_has_no_say_in_the_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    found = trials(monkeypatch, keep=("b",)).all()
    assert set(found) == {"a"}
    # Alone it tells 2.5 of one output and 0.01 of the other.
    assert found["a"].distances[0] == pytest.approx(1.255 * (0.2 / 2.5 + 0.001 / 0.01) / 2)


def test_no_form_is_free() -> None:
    nothing = EffectCurve(np.array([0.1]), np.array([0.0]))
    assert nothing.shares(np.array([0.05, 0.1, 0.5])) == pytest.approx([1e-6] * 3)
    little = EffectCurve(np.array([0.1]), np.array([1.5e-7]))
    assert little.shares(np.array([0.1])) == pytest.approx([1.5e-6])


def test_less_than_a_thousandth_of_the_first_cut_is_lost_like_so_much() -> None:
    tried = EffectCurve(np.array([0.1, 0.2]), np.array([0.04, 0.01]))
    # More is never lost for less: what the second cut showed is no less than the first.
    assert tried.shares(np.array([0.0, 0.1, 0.2, 0.9])) == pytest.approx([0.4, 0.4, 0.2, 0.2])


def tried_on(samples: int) -> int:
    """On how many of so many inputs of the small net its layers are tried."""
    inputs = Inputs({"data": np.zeros((samples, 3, 12, 10), np.float32)})
    request = BudgetRequest(Budget(macs=0.5))
    return len(Trials(small_net(), Calibrator(inputs), request, silent)._few.inputs)


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        (5, 5),  # all there are
        # Four rows for each thing to learn: conv1 has 75 and 120 windows, which takes 3 inputs.
        (8, 8),
        # conv2 has 144 and 20 windows: 576 rows, of 29 inputs.
        (28, 8),
        (29, 29),
        (127, 29),
        # fc2 has 32 and one window: 128 inputs, but 64 are the most.
        (128, 64),
    ],
)
def test_as_many_inputs_as_the_widest_layer_takes(samples: int, count: int) -> None:
    assert tried_on(samples) == count


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_ranks_are_those_that_lose_about_as_much_in_any_unit(unit: float) -> None:
    # Components of 64, 16, 8, 4 and 2 parts of 94; without the last, 2 are lost, and so on.
    whole = SimpleNamespace(scatter=Scatter.of_matrix(unit * np.diag([64.0, 16.0, 8.0, 4.0, 2.0])))
    found = _ranks_that_lose((0.02, 0.15), [whole])  # type: ignore[list-item]
    assert [rank for rank, _ in found] == [4, 2]
    assert [lost for _, lost in found] == pytest.approx([2 / 94, 14 / 94])
    # Where both ask for the same there is one, and what rounding loses is none.
    assert len(_ranks_that_lose((0.02, 0.021), [whole])) == 1  # type: ignore[list-item]
    alone = SimpleNamespace(scatter=Scatter.of_matrix(unit * np.diag([1.0, 1e-9])))
    assert _ranks_that_lose((0.05,), [alone]) == []  # type: ignore[list-item]
    nothing = SimpleNamespace(scatter=Scatter.of_matrix(np.zeros((3, 3))))
    assert _ranks_that_lose((0.05,), [nothing]) == []  # type: ignore[list-item]


def test_ranks_of_groups_are_chosen_for_all_of_them_together() -> None:
    even, uneven = np.diag([1.0, 1.0]), np.diag([97.0, 1.0])
    wholes = [SimpleNamespace(scatter=Scatter.of_matrix(one)) for one in (even, uneven)]
    ((rank, lost),) = _ranks_that_lose((0.02,), wholes)  # type: ignore[arg-type]
    assert (rank, lost) == (1, pytest.approx(0.02))


def test_without_a_trial_each_output_counts_once() -> None:
    assert np.array_equal(_evening([]), [1.0])
    # An output that nothing hurts has no weight, rather than all of it.
    assert _evening([np.array([0.5, 0.0])]) == pytest.approx([0.5, 0.0])


def test_several_trials_at_once_find_what_one_after_another_find(
    quick_caffe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for at_once in (1, 2):
        monkeypatch.setattr("netsurgery.budgets.trials.AT_A_TIME", at_once)
        monkeypatch.setattr("netsurgery.budgets.trials.LONG", 0)
        monkeypatch.setattr("netsurgery.linalg.threads.thread_count", lambda: 2)
        calibrator = Calibrator(some_inputs(), quick_caffe)
        with calibrator.sessions:
            tried = Trials(small_net(), calibrator, BudgetRequest(Budget(macs=0.5)), silent)
            found.append(tried.all())
    assert found[0]
    assert set(found[0]) == set(found[1])
    for name, curve in found[0].items():
        np.testing.assert_array_equal(curve.distances, found[1][name].distances)
        np.testing.assert_array_equal(curve.lost, found[1][name].lost)


def test_a_trial_that_is_known_is_not_carried_out_again(
    opencv: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = BudgetRequest(Budget(macs=0.5))

    def find() -> Dict[str, EffectCurve]:
        calibrator = Calibrator(some_inputs(), opencv, cache=tmp_path)
        with calibrator.sessions:
            return Trials(small_net(), calibrator, request, silent).all()

    first = find()
    # One file a layer that may be tried, five of them here: not one a fit.
    kept = [file for file in (tmp_path / "calibrator").rglob("*") if file.is_file()]
    assert len(first) <= len(kept) <= 5
    monkeypatch.setattr(Trials, "_try", lambda *_: pytest.fail("it is tried again"))
    again = find()
    for name, curve in first.items():
        np.testing.assert_array_equal(curve.distances, again[name].distances)


def test_no_trial_asks_again_which_layers_can_be_fitted(
    monkeypatch: pytest.MonkeyPatch, opencv: str
) -> None:
    asked: List[str] = []

    def counted(network: Any, layer: Any, bottom: Any) -> Any:
        asked.append(layer.name)
        return why_not(network, layer, bottom)

    for room in ("budgets.trials", "planning.downstream"):
        monkeypatch.setattr(f"netsurgery.{room}.why_not", counted)
    calibrator = Calibrator(some_inputs(12), opencv)
    with calibrator.sessions:
        Trials(small_net(), calibrator, BudgetRequest(Budget(macs=0.5)), silent).all()
    assert len(asked) == len(set(asked)) > 2
