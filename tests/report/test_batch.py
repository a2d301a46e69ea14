"""What a batch did, as people read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import tables_in

from netsurgery.report.batch import print_comparison, print_index, told_outcome
from netsurgery.zoo import BatchComparison, Index, ModelChange, Outcome, SkippedFile

BEFORE = {"params": 1000, "macs": 4000, "bytes": 5000}
AFTER = {"params": 250, "macs": 3000, "bytes": 2500}
SMALLER = Outcome(
    "lenet",
    "key",
    "compress",
    "compressed",
    seconds=1.25,
    figures={"before": BEFORE, "after": AFTER, "error": 0.012, "quality": "good"},
)


def refused(name: str) -> Outcome:
    return Outcome(name, "key", "compress", "refused", reason="no layer can be smaller")


def test_what_came_of_a_model_is_one_line() -> None:
    assert told_outcome(SMALLER) == (
        "lenet: compressed, 75.0% of the MACs left, 50.0% of the bytes left (1.2 s)"
    )
    assert told_outcome(refused("a")) == "a: refused, no layer can be smaller (0.0 s)"


def test_a_reason_that_models_have_in_common_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = (SMALLER, refused("a"), refused("b"))
    skipped = (SkippedFile(Path("solver.prototxt"), "trains a net"),)
    originals = {one.name: ("p", "w") for one in models}
    print_index(Index("zoo", "compress", models, skipped, 4, originals))
    printed = capsys.readouterr().out
    (rows,) = tables_in(printed)
    columns = ("model", "outcome", "params left", "MACs left", "file left")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("lenet", "compressed", "25.0%", "75.0%", "50.0%"),
        ("a", "refused", "-", "-", "-"),
        ("b", "refused", "-", "-", "-"),
    ]
    assert printed.count("no layer can be smaller") == 1
    assert "a, b: refused: no layer can be smaller" in printed
    assert "solver.prototxt: left out: trains a net" in printed
    assert "3 of 4 models: 1 compressed, 2 refused" in printed


def test_only_what_changed_between_two_runs_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    models = (ModelChange("a", "same", ()), ModelChange("b", "worse", ("error 0.1 -> 0.2",)))
    print_comparison(BatchComparison(models))
    printed = capsys.readouterr().out
    (rows,) = tables_in(printed)
    assert rows == [{"model": "b", "change": "worse", "why": "error 0.1 -> 0.2"}]
    assert "1 worse, 1 same" in printed
