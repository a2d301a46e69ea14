"""``netsurgery bisect``."""

from __future__ import annotations

import json

import pytest
from junitparser import JUnitXml

PLAN = """\
netsurgery_plan: 1
edits:
- {layer: fc6, method: svd, rank: 32}
- {layer: fc7, method: svd, rank: 1}
"""


@pytest.fixture
def out(netsurgery, pair, tmp_path, opencv):
    """The folder of a pair in which one of two rewrites loses something."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    done = netsurgery("compress", *pair, "--plan", plan, "-o", tmp_path / "out", "--no-verify")
    assert done.status == 0, done.err
    return tmp_path / "out"


def test_the_edit_of_the_plan_is_named(netsurgery, pair, out, tmp_path) -> None:
    less, junit = tmp_path / "less", tmp_path / "junit.xml"
    given = ("bisect", *pair, out, "--expect", "exact", "-o", less, "--junit", junit)
    done = netsurgery(*given)
    assert done.status == 1
    assert "this change fails, of 2" in done.out
    assert "by the plan: svd of layer 'fc7', rank 1" in done.out
    assert "fc6" not in done.out
    (suite,) = JUnitXml.fromfile(str(junit))
    assert suite.failures == 1
    smaller = sorted(less.iterdir())
    assert netsurgery("verify", *pair, *smaller, "--expect", "exact").status == 1
    assert netsurgery("doctor", *smaller).status == 0


def test_json(netsurgery, pair, out) -> None:
    new = sorted(out.glob("deploy.*")) or sorted(out.glob("*.prototxt"))
    weights = sorted(out.glob("*.caffemodel"))
    done = netsurgery("bisect", *pair, new[0], weights[0], "--expect", "exact", "--json")
    printed = json.loads(done.out)
    assert printed["culprits"][0]["edits"] == [{"layer": "fc7", "method": "svd", "rank": 1}]


def test_a_rank(netsurgery, pair, opencv) -> None:
    done = netsurgery("bisect", *pair, "--rank", "fc7", "--max-error", "0.05")
    assert done.status == 0, done.err
    assert "passes, the next smaller one does not" in done.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "give two prototxts"),
        (["."], "no record of a pair"),
        (["--rank", "fc7", "--check", "x {weights}", "--max-error", "0.1"], "--check"),
    ],
)
def test_what_cannot_be(netsurgery, pair, options, complaint) -> None:
    done = netsurgery("bisect", *pair, *options)
    assert done.status == 2
    assert complaint in done.err
