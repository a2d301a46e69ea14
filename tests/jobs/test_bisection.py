"""Which changes fail a check, and which rank passes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest
from calibration_nets import declared, layer
from small_models import decaying, make_model

import netsurgery as ns
from netsurgery.errors import FormatError, RequestError, VerificationError
from netsurgery.network.model import Model

NAMES = ["one", "two", "three", "four", "five"]
EXACT = ns.BisectRequest(expect="exact")


def row(changes: Dict[str, float] = {}) -> Model:  # noqa: B006
    """Layers in a row, some of them with something added to a weight."""
    text, below = declared("data", 1, 8), "data"
    blobs: Dict[str, List[np.ndarray]] = {}
    for number, name in enumerate(NAMES):
        text += layer("InnerProduct", below, name, "inner_product_param { num_output: 8 }")
        weights = decaying(8, 8, number, 0.6)
        weights[0, 0] += changes.get(name, 0.0)
        blobs[name] = [weights, np.ones(8)]
        below = name
    return make_model(text, blobs)


def judging(tmp_path: Path, condition: str) -> str:
    """A command that passes a pair unless a condition holds of its layers' first weights."""
    script = tmp_path / "judge.py"
    script.write_text(
        "import sys\n"
        "import netsurgery as ns\n"
        "model = ns.load(sys.argv[1], sys.argv[2])\n"
        "w = {one.name: float(one.blobs[0].array()[0, 0]) for one in model.weights.layers}\n"
        f"sys.exit({condition})\n",
        encoding="utf-8",
    )
    return f"{sys.executable} {script} {{prototxt}} {{weights}}"


def layers_of(found: ns.Bisection) -> List[Tuple[str, ...]]:
    return [one.layers for one in found.culprits]


def test_the_layer_that_differs_is_named_and_written(opencv: str, tmp_path: Path) -> None:
    new = row({"two": 0.5})
    found = ns.bisect(row(), new, EXACT, tmp_path / "out")
    assert not found
    assert layers_of(found) == [("two",)]
    assert found.culprits[0].changes == ("layer 'two' holds 1 of 64 other numbers in blob 0",)
    assert "five" in found.reasons[0]
    assert not ns.verify(row(), ns.load(*found.files), ns.VerifyRequest(expect="exact"))


def test_of_several_that_fail_alone_one_is_left(opencv: str) -> None:
    new = row({"two": 0.5, "four": 0.5})
    found = ns.bisect(row(), new, EXACT)
    assert layers_of(found) in ([("two",)], [("four",)])
    assert found.changes == 2


def test_a_net_that_passes_has_nothing_to_look_for(opencv: str, tmp_path: Path) -> None:
    found = ns.bisect(row(), row(), EXACT, tmp_path / "out")
    assert found.passed
    assert found.culprits == ()
    assert not (tmp_path / "out").exists()


def test_two_changes_that_fail_together(tmp_path: Path) -> None:
    new = row(dict.fromkeys(NAMES, 5.0))
    check = judging(tmp_path, "w['two'] > 3 and w['five'] > 3")
    found = ns.bisect(row(), new, ns.BisectRequest(check=check))
    assert layers_of(found) == [("two",), ("five",)]
    assert found.checks <= 5**2 + 3 * 5


def test_what_a_command_cannot_tell_counts_neither_way(tmp_path: Path) -> None:
    new = row(dict.fromkeys(NAMES, 5.0))
    check = judging(
        tmp_path, "125 if (w['one'] > 3) != (w['two'] > 3) else int(w['one'] > 3 and w['two'] > 3)"
    )
    found = ns.bisect(row(), new, ns.BisectRequest(check=check))
    assert layers_of(found) == [("one",), ("two",)]


def test_answers_are_kept_and_asked_for_once(tmp_path: Path) -> None:
    new, answers = row(dict.fromkeys(NAMES, 5.0)), tmp_path / "answers.json"
    request = ns.BisectRequest(check=judging(tmp_path, "w['three'] > 3"), answers=answers)
    first = ns.bisect(row(), new, request)
    again = ns.bisect(row(), new, request)
    assert (layers_of(again), again.checks) == (layers_of(first), 0)
    assert first.checks > 0
    other = ns.BisectRequest(check=judging(tmp_path, "0") + " more", answers=answers)
    with pytest.raises(RequestError, match="another check"):
        ns.bisect(row(), new, other)
    answers.write_text("{}", encoding="utf-8")
    with pytest.raises(FormatError, match="no file of answers"):
        ns.bisect(row(), new, request)


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        ("true", "names neither"),
        ("'{prototxt}", "no command"),
        ("/nowhere/at/all {prototxt}", "cannot run"),
        ("sh -c 'exit 127' {prototxt}", "127"),
    ],
)
def test_commands_that_are_none(check: str, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        ns.bisect(row(), row({"one": 1.0}), ns.BisectRequest(check=check))


def test_an_original_that_fails_leaves_nothing_to_look_for(tmp_path: Path) -> None:
    request = ns.BisectRequest(check=judging(tmp_path, "1"))
    with pytest.raises(VerificationError, match="the original does not pass"):
        ns.bisect(row(), row({"one": 1.0}), request)


def test_the_edit_of_the_plan_is_named(opencv: str, tmp_path: Path) -> None:
    original = ns.load(*row().save(tmp_path / "a"))
    edits = tuple(ns.Edit(name, "svd", {"rank": 8 - 7 * (name == "four")}) for name in NAMES)
    done = ns.compress(original, ns.CompressRequest(plan=ns.Plan(edits)), tmp_path / "out")
    new = ns.load(*done.files[:2])
    found = ns.bisect(original, new, EXACT)
    assert [one.edits for one in found.culprits] == [(edits[3],)]


@pytest.mark.parametrize("layer_name", ["one", "four"])
def test_the_smallest_rank_that_passes(layer_name: str, opencv: str) -> None:
    request = ns.BisectRequest(rank=layer_name, max_error=0.02)
    found = ns.bisect(row(), request=request)
    assert found.passed
    assert found.rank is not None
    for rank, passes in ((found.rank, True), (found.rank - 1, False)):
        edit = ns.Edit(layer_name, "svd", {"rank": rank})
        limit = ns.VerifyRequest(max_error=0.02)
        assert bool(ns.verify(row(), ns.apply(row(), ns.Plan((edit,))), limit)) is passes
    assert found.checks <= 4


def test_no_rank_passes(tmp_path: Path) -> None:
    request = ns.BisectRequest(rank="one", check=judging(tmp_path, "1"))
    found = ns.bisect(row(), request=request)
    assert (found.passed, found.rank, found.checks) == (False, None, 1)


@pytest.mark.parametrize(("name", "problem"), [("none", "no layer"), ("data", "no rank")])
def test_layers_that_have_no_rank(name: str, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        ns.bisect(row(), request=ns.BisectRequest(rank=name))


def test_random_inputs_cannot_judge_without_a_limit(opencv: str) -> None:
    with pytest.raises(RequestError, match="random inputs"):
        ns.bisect(row(), row({"two": 0.5}))
