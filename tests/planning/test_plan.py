from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netsurgery.errors import PlanError
from netsurgery.methods import Edit, Prediction
from netsurgery.planning import Plan, Skipped

names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1)
edits = st.builds(
    Edit,
    names,
    names,
    st.dictionaries(
        names.filter(lambda key: key not in ("layer", "method", "predicted")),
        st.integers(-(10**29), 10**29) | st.floats(allow_nan=False) | names,
    ),
)


@given(st.lists(edits), st.lists(st.builds(Skipped, names, names)))
def test_a_plan_survives_yaml(edits: list[Edit], left: list[Skipped]) -> None:
    plan = Plan(tuple(edits), tuple(left), {"weights": {"file": "a", "sha256": "b"}})
    assert Plan.from_yaml(plan.to_yaml()) == plan


def test_a_plan_is_written_and_read(tmp_path: Path) -> None:
    plan = Plan((Edit("fc6", "svd", {"rank": 3}, Prediction(error=0.1)),))
    plan.save(tmp_path / "plan.yaml")
    read = Plan.load(tmp_path / "plan.yaml")
    assert read == plan
    assert read.edits[0].predicted == Prediction(error=0.1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "this is not a plan"),
        ("[1, 2]", "this is not a plan"),
        ("edits: 3", "`edits`: 3 is not a list"),
        ("edits: [fc6]", "edit 1: 'fc6' is not a mapping"),
        ("edits: [{layer: fc6}]", "edit 1 names no method"),
        ("edits: [{method: svd, rank: 3}]", "edit 1 names no layer"),
        ("edits: [{layer: 6, method: svd}]", "edit 1, `layer`: 6 is not text"),
        ("edits: []\nranks: 3", "unknown entry 'ranks'"),
        ("netsurgery_plan: 99\nedits: []", "format 99"),
        ("edits: [", r"plan.yaml:1:9: this is not YAML"),
        ("edits: !!python/object:os.system {}", "this is not YAML"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(PlanError, match=complaint):
        Plan.from_yaml(text, "plan.yaml")


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="No such file"):
        Plan.load(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="not UTF-8"):
        Plan.load(tmp_path / "binary.yaml")
