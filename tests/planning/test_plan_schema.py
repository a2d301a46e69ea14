"""The schema of plans: it ships, other validators read it alike, and every entry is held to it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Iterator

import pytest
from hypothesis import given, strategies as st

from netsurgery.errors import PlanError
from netsurgery.formats.plain_data import MismatchError
from netsurgery.jobs import explain
from netsurgery.methods import METHODS, Change, SecondChoice
from netsurgery.planning import MetricValues, Plan, plan
from netsurgery.report.explain import print_explanation
from netsurgery.report.plan import print_plan

SCHEMA = json.loads(Path(plan.__file__).with_name(plan.SCHEMA).read_text(encoding="utf-8"))

GOOD: dict[str, Any] = {
    "netsurgery_plan": 1,
    "model": {"prototxt": {"file": "a", "sha256": "b"}, "weights": {"file": "c"}},
    "expected": {
        "score": "effect",
        "loss": 0.1,
        "predicted": 0.1,
        "budget": {"macs": 0.5},
        "whole": {"macs": 100, "params": 7},
        "left": {"macs": 50, "params": 3.5},
        "measured": {"prob": 0.2},
        "corrected": {"prob": 0.2},
        "correction": {"prob": 1.5},
        "metric": {"whole": 0.9, "predicted": 0.8, "measured": 0.7},
    },
    "edits": [
        {
            "layer": "a",
            "method": "svd",
            "rank": 3,
            "split": "sqrt",
            "fit": "data",
            "suffixes": ["_x", "_y"],
            "templates": "folder",
            "predicted": {
                "loss": 0.1,
                "error": 0.2,
                "energy": 0.9,
                "measured": 0.3,
                "breakeven": 4,
                "macs": [8, 4],
                "weights": [8, 4],
                "seconds": [0.1, 0.05],
                "second": {"method": "tucker", "rank": [2, 3], "loss": 0.1, "macs": 3},
            },
        },
        {"layer": "b", "method": "channel_svd", "rank": 2, "fit": "relu"},
        {"layer": "b", "method": "input_svd", "rank": 2},
        {"layer": "b", "method": "spatial_svd", "rank": 2, "split": "first"},
        {"layer": "c", "method": "tucker", "rank": [2, 3], "predicted": {"breakeven": [2, 3]}},
        {
            "layer": "c",
            "method": "spatial_channel_svd",
            "rank": [2, 3],
            "suffixes": ["a", "b", "c"],
        },
        {"layer": "d", "method": "cp", "rank": 2, "seed": 0},
        {"layer": "e", "method": "tensor_train", "rank": 2, "outputs": [2, 3], "inputs": [4, 5]},
        {"layer": "f", "method": "thin", "keep": [0, 2], "compensate": "patches"},
        {"layer": "g", "method": "refit", "ridge": 0.1, "predicted": {"channels": [3, 2]}},
        {"layer": "h", "method": "fold_batchnorm"},
        {"layer": "i", "method": "of a plugin", "anything": {"it": ["likes"]}},
    ],
    "left": [{"layer": "j", "reason": "too small"}, {"layer": "k"}],
}
WRONG: list[Any] = [None, 3, -1, 0, 1.5, True, "word", [], [1], [1, 2], {}, {"a": 1}, [[1]], ["a"]]


def places(data: Any, place: tuple = ()) -> Iterator[tuple]:
    """Where something stands in the plan, but what is a plugin's own."""
    if place:
        yield place
    parts = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in parts:
        if isinstance(value, (dict, list)):
            yield from places(value, (*place, key))
        else:
            yield (*place, key)


def changed(place: tuple, value: Any) -> Any:
    data = copy.deepcopy(GOOD)
    spot: Any = data
    for part in place[:-1]:
        spot = spot[part]
    spot[place[-1]] = value
    return data


def told(data: Any) -> bool:
    """Whether a plan is taken; then it can be told too."""
    try:
        taken = Plan.from_dict(data, "plan.yaml")
    except PlanError as error:
        text = str(error)
        assert text.startswith("plan.yaml: ")
        assert len(text) < 400
        return False
    print_explanation(explain(taken))
    print_plan(taken)
    json.dumps(taken.to_dict())
    return True


def test_the_schema_knows_every_method_and_every_option() -> None:
    assert set(SCHEMA["$defs"]["methods"]) == set(METHODS.all())
    for name, method in METHODS.all().items():
        known = set(SCHEMA["$defs"]["methods"][name]["properties"])
        assert known == {"layer", "method", "predicted", *method.options}, name


def test_a_plan_with_all_there_is_is_taken() -> None:
    assert told(GOOD)
    assert Plan.from_yaml(Plan.from_dict(GOOD).to_yaml()) == Plan.from_dict(GOOD)


def test_what_a_plan_predicts_is_typed_and_told_as_it_stood() -> None:
    text = Plan.from_dict(GOOD).to_yaml()
    plan = Plan.from_yaml(text)
    assert plan.to_yaml() == text
    assert plan.expected.metric == MetricValues(0.9, 0.8, 0.7)
    assert plan.expected.budget == GOOD["expected"]["budget"]
    for edit, item in zip(plan.edits, GOOD["edits"]):
        told_before = item.get("predicted", {})
        assert edit.predicted.to_dict() == told_before
        assert list(edit.predicted.to_dict()) == list(told_before)
    first = plan.edits[0].predicted
    assert isinstance(first.second, SecondChoice)
    assert isinstance(first.macs, Change)


def test_facts_of_a_later_version_are_kept() -> None:
    data = {
        "edits": [{"layer": "a", "method": "svd", "rank": 3, "predicted": {"mood": 1, "loss": 2}}],
        "expected": {"mood": {"of": "the net"}, "loss": 2.0},
    }
    told_again = Plan.from_dict(data).to_dict()
    assert told_again["expected"] == data["expected"]
    assert told_again["edits"] == data["edits"]


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_wrong_entries_are_refused_in_a_line_or_can_be_told(capsys, value: Any) -> None:
    refused = [place for place in places(GOOD) if not told(changed(place, value))]
    assert refused


@given(st.sampled_from(list(places(GOOD))), st.sampled_from(WRONG))
def test_another_validator_reads_the_schema_alike(place: tuple, value: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    other = jsonschema.Draft202012Validator(SCHEMA)
    other.check_schema(SCHEMA)
    data = changed(place, value)
    try:
        plan.schema().check(data)
        alike = other.is_valid(data)
    except MismatchError:
        alike = not other.is_valid(data)
    assert alike


def test_the_layer_and_the_entry_are_named() -> None:
    wrong = {"edits": [{"layer": "conv2", "method": "thin", "keep": [1, "x"]}]}
    with pytest.raises(PlanError) as caught:
        Plan.from_dict(wrong, "plan.yaml")
    assert str(caught.value) == (
        "plan.yaml: layer 'conv2': edit 1, `keep.2`: 'x' is not a whole number"
    )
