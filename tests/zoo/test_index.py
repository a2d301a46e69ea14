"""The index: other programs read it, and a schema says what stands in it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest
from fake_commands import index_of, work_of

import netsurgery
from netsurgery.errors import FormatError
from netsurgery.zoo import (
    MEANINGS,
    Index,
    LocalScheduler,
    Outcome,
    SkippedFile,
    read_index,
    run_batch,
    to_csv,
    without_times,
)

SCHEMA = json.loads((Path(netsurgery.__file__).parent / "zoo" / "zoo.schema.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch that ran."""
    where = tmp_path_factory.mktemp("batch")
    skipped = (SkippedFile(Path("solver.prototxt"), "is a solver"),)
    work = work_of(where, "work", "refuse", "crash", skipped=skipped)
    run_batch(work, where / "out", LocalScheduler(2))
    return where / "out"


def index_with(*outcomes: Outcome) -> Index:
    originals = {one.name: ("p", "w") for one in outcomes}
    return Index("zoo", "compress", outcomes, (), len(outcomes), originals)


def test_an_index_is_as_its_schema_says(folder: Path) -> None:
    jsonschema.validate(index_of(folder), SCHEMA, jsonschema.Draft202012Validator)


def test_the_schema_is_strict_and_knows_every_status(folder: Path) -> None:
    assert SCHEMA["$defs"]["status"]["enum"] == list(MEANINGS)
    for spoil in ({"models": [{"name": "x"}]}, {"total": -1}, {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**index_of(folder), **spoil}, SCHEMA)


def test_an_index_is_read_as_it_was_written(folder: Path) -> None:
    index = read_index(folder)
    assert index.to_dict() == index_of(folder)
    assert read_index(folder / "zoo.json") == index
    assert index.skipped == (SkippedFile(Path("solver.prototxt"), "is a solver"),)


def test_what_no_two_runs_have_in_common_can_be_left_out() -> None:
    one = Outcome("a", "k", "compress", "compressed", seconds=1.0, peak_memory=2)
    other = Outcome("a", "k", "compress", "compressed", seconds=3.0, peak_memory=4)
    assert index_with(one) != index_with(other)
    assert without_times(index_with(one)) == without_times(index_with(other))
    assert without_times(index_with(one)) != without_times(
        index_with(Outcome("a", "k", "compress", "refused"))
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "no index"),
        ("{", "no index"),
        ('{"format": 2}', "has format 2"),
        (None, "is not there"),
    ],
)
def test_what_is_no_index_is_refused(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "zoo.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FormatError, match=told):
        read_index(path)


def test_a_table_has_a_line_for_each_model_and_no_formulas(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(read_index(folder)))))
    assert [row["name"] for row in rows] == ["a/0", "a/1", "a/2"]
    assert (rows[0]["params_before"], rows[0]["params_after"]) == ("10", "5")
    assert rows[1]["params_after"] == ""
    evil = to_csv(index_with(Outcome("a", "k", "compress", "crashed", reason="=HYPERLINK(1)")))
    assert evil.splitlines()[1].endswith(",'=HYPERLINK(1)")
