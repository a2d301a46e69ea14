from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from budget_nets import small_net, some_inputs

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.budgets.metric import Labels
from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.measuring import ObservedValue
from netsurgery.errors import PlanError, VerificationError
from netsurgery.measurements import FileStore
from netsurgery.network.model import Model
from netsurgery.planning import Plan

# A metric of the file alone: how many weights are left, which is what a form costs.
MODULE = """\
import os
calls = []
def size(prototxt, weights):
    calls.append(prototxt)
    return os.path.getsize(weights)
def nothing(prototxt, weights):
    return 0
def words(prototxt, weights):
    return "many"
"""
COMMAND = f"{sys.executable} -c 'import os, sys; print(\"bytes:\", os.path.getsize(sys.argv[2]))'"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "user_metric.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "user_metric", raising=False)
    return "user_metric:size"


@pytest.fixture(scope="module")
def model() -> Model:
    return small_net()


def planned(
    model: Model, metric: str, notes: object = None, share: float = 0.5, multiple: int = 1
) -> Plan:
    request = BudgetRequest(
        Budget(macs=share),
        ("svd", "channel_svd"),
        "metric",
        metric,
        multiple=multiple,
        notes=None if notes is None else str(notes),
    )
    return plan_budget(model, request)


def test_a_function_is_called_once_for_each_choice_and_never_again(
    model: Model, module: str, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.json"
    plan = planned(model, module, notes)
    calls = len(sys.modules["user_metric"].calls)
    assert calls == len(FileStore(notes))
    # The net itself, at most five ranks of each layer, and the result.
    assert calls <= 1 + 4 * 5 + 1
    assert planned(model, module, notes, 0.7).edits
    assert planned(model, module, notes) == plan
    assert len(sys.modules["user_metric"].calls) == calls + 1


def test_an_interrupted_run_goes_on(model: Model, module: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    plan = planned(model, module, notes)
    first, *lines, end = notes.read_text().splitlines()
    gone = lines[::2]
    notes.write_text("\n".join([first, *lines[1::2], end]) + "\n")
    before = len(sys.modules["user_metric"].calls)
    assert planned(model, module, notes) == plan
    assert len(sys.modules["user_metric"].calls) == before + len(gone)


def test_another_model_is_measured_anew(model: Model, module: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    planned(model, module, notes)
    before = len(sys.modules["user_metric"].calls)
    other = small_net()
    assert other.weights is not None
    assert planned(other, module, notes).edits
    assert len(sys.modules["user_metric"].calls) == before
    blobs = other.weights.layers[0].blobs
    changed = blobs[0].filled(2 * blobs[0].array())
    layer = other.weights.layers[0]
    weights = other.weights.replace(
        {layer.name: [type(layer)(layer.name, None, (changed, blobs[1]))]}
    )
    assert planned(Model(other.prototxt, weights), module, notes).edits
    assert len(sys.modules["user_metric"].calls) > before


def test_losses_are_what_the_metric_says(model: Model, module: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    plan = planned(model, module, notes, 0.6, multiple=8)  # so few ranks that each is measured
    told = {one["what"]: one["values"][""] for one in json.loads(notes.read_text())[1:]}
    known = {what.split(": ", 1)[1]: value for what, value in told.items()}
    whole = known.pop("as it is")
    measured = {choice: 1 - value / whole for choice, value in known.items()}
    points = [
        (edit.predicted.loss, measured[choice])
        for edit in plan.edits
        for choice in [f"{edit.layer} {edit.method} {dict(edit.options)}"]
        if choice in measured
    ]
    # What loses more energy makes a smaller file here: there is nothing to make monotone.
    assert len(points) == len(plan.edits) > 0
    for predicted, loss in points:
        assert predicted == pytest.approx(loss, rel=1e-5)
    losses = [planned(model, module, notes, share).expected.loss for share in (0.3, 0.5, 0.8)]
    assert losses == sorted(losses, reverse=True)


def test_a_command_gives_the_same_plan_as_the_function(model: Model, module: str) -> None:
    by_function, by_command = planned(model, module), planned(model, COMMAND)
    assert by_command == by_function
    assert by_command.expected.loss == by_function.expected.loss


@pytest.mark.parametrize(
    ("metric", "told", "kind"),
    [
        ("user_metric:nothing", "not above 0", VerificationError),
        ("user_metric:words", "not a number", VerificationError),
        ("user_metric:absent", "absent", PlanError),
        ("no_such_module:f", "no_such_module", PlanError),
        ("echo wrong >&2; false", "wrong", VerificationError),
        ("echo many", "not a number", VerificationError),
    ],
)
def test_a_metric_that_does_not_work_is_named(
    model: Model, module: str, metric: str, told: str, kind: type
) -> None:
    with pytest.raises(kind, match=told):
        planned(model, metric)


def test_without_a_metric_there_must_be_labels(model: Model) -> None:
    request = BudgetRequest(Budget(macs=0.5), score="metric")
    with pytest.raises(PlanError, match="`metric`, or labels with the inputs of `calibrate`"):
        plan_budget(model, request)


def test_labels_are_counted_as_the_outputs_say(model: Model, opencv: str) -> None:
    inputs = some_inputs(21)
    calibrator = Calibrator(inputs, opencv)
    prob = next(value for value in model.network().outputs)

    class Keep:
        sources = ()
        seen: list[np.ndarray] = []

        def add(self, seen: dict) -> None:
            self.seen.extend(seen.values())

    keep = Keep()
    keep.sources = (ObservedValue(prob),)  # type: ignore[assignment]
    calibrator.run([model], [keep])
    best = np.concatenate(keep.seen).argmax(axis=1)
    right = Inputs(inputs.arrays, best)
    assert Labels(Calibrator(right, opencv))(model) == 1.0
    half = np.where(np.arange(len(best)) % 3, best, (best + 1) % 10)
    assert Labels(Calibrator(Inputs(inputs.arrays, half), opencv))(model) == 14 / 21
