"""Requests that contradict themselves are refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import netsurgery as ns
from netsurgery.errors import RequestError

MISSING = "missing.prototxt", "missing.caffemodel"


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (
            ns.VerifyRequest(count=3, inputs="x.npz"),
            "`count` and `inputs` contradict each other: random inputs are for where there are "
            "no others",
        ),
        (
            ns.VerifyRequest(expect="exact", max_error=0.1),
            "`expect` exact and `max_error` contradict each other: what is exact is held to float "
            "noise",
        ),
        (ns.VerifyRequest(labels="labels.txt"), "`labels` needs `inputs`"),
        (ns.VerifyRequest(preprocessing=ns.Preprocessing()), "`preprocessing` needs `inputs`"),
    ],
)
def test_nothing_is_read_for_what_contradicts_itself(request_: ns.VerifyRequest, told: str) -> None:
    with pytest.raises(RequestError) as refused:
        ns.verify(MISSING, MISSING, request_)
    assert str(refused.value) == told


def test_the_golden_file_says_what_is_run() -> None:
    for request in (ns.VerifyRequest(count=3), ns.VerifyRequest(blobs="common")):
        with pytest.raises(RequestError, match=r"`golden` and `(count|blobs)` contradict"):
            ns.verify_golden(MISSING, "golden.npz", request)


def test_what_is_as_it_is_by_default_counts_as_not_given() -> None:
    with pytest.raises(ns.NetsurgeryError, match=r"missing\.prototxt"):
        ns.verify(MISSING, MISSING, ns.VerifyRequest(expect="exact", accept_loss=False, seed=0))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"expect": "same"}, "there is no expect 'same'; choose among approx, exact"),
        ({"count": 0}, "count 0 is less than 1"),
        ({"seed": -1}, "seed -1 is less than 0"),
        ({"max_error": float("nan")}, "max_error nan is less than 0"),
    ],
)
def test_values_that_cannot_be_are_refused(asked: dict, told: str) -> None:
    with pytest.raises(RequestError) as refused:
        ns.verify(MISSING, MISSING, ns.VerifyRequest(**asked))
    assert str(refused.value) == told


def test_a_single_name_is_no_sequence_of_letters() -> None:
    digits = Path(__file__).resolve().parents[2] / "examples" / "digits"
    pair = digits / "deploy.prototxt", digits / "digits.caffemodel"
    assert set(ns.rank(pair, ns.RankRequest(criteria="l1")).scores) == {"l1"}
    plan = ns.plan(pair, ns.PlanRequest(energy=0.5, keep="fc3"))
    assert [edit.layer for edit in plan.edits] == ["fc4", "fc5"]


def test_samples_of_a_caller_bring_their_own_labels(tmp_path: Path) -> None:
    samples = ns.Inputs({"data": np.zeros((2, 4), np.float32)})
    text = 'input: "data" input_shape { dim: 1 dim: 4 } layer { name: "r" type: "ReLU" '
    prototxt = tmp_path / "net.prototxt"
    prototxt.write_text(text + 'bottom: "data" top: "r" }')
    with pytest.raises(RequestError, match="`labels` is for inputs that are read from files"):
        ns.rank(prototxt, ns.RankRequest(inputs=samples, labels="labels.txt"))
