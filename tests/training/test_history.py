"""What came of each validation is kept to the bit, and the better net is told."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from netsurgery.errors import FormatError
from netsurgery.training.history import History, HistoryFile, Judged, Validation

LINES = [
    Validation(0, Judged(0.1 + 0.2, {"accuracy": 1 / 3}, "accuracy"), None, None, True),
    Validation(7, Judged(math.pi), math.e, 0.01, False, False),
    Validation(14, Judged(1e-300), 1e300, 1e-5),
]


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        (Judged(1.0), Judged(2.0), True),
        (Judged(1.0), Judged(1.0), False),
        (Judged(9.0, {"a": 0.9}, "a"), Judged(1.0, {"a": 0.8}, "a"), True),
        (Judged(1.0, {"a": 0.8}, "a"), Judged(9.0, {"a": 0.9}, "a"), False),
        (Judged(1.0, {"a": 0.9}, "a"), Judged(2.0, {"a": 0.9}, "a"), True),
        (Judged(1.0, {"a": 0.1}), Judged(2.0, {"a": 0.9}), True),
        (Judged(math.nan, {"a": 1.0}, "a"), Judged(1.0, {"a": 0.1}, "a"), False),
        (Judged(1.0), Judged(math.nan), True),
        (Judged(math.inf), Judged(math.nan), False),
    ],
)
def test_the_better_net_is_told(one: Judged, other: Judged, better: bool) -> None:
    assert one.better_than(other) is better


def test_lines_come_back_to_the_bit_up_to_where_a_run_goes_on(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history.jsonl")
    assert not len(file.read_up_to(5))
    for line in LINES:
        file.append(line)
    assert list(file.read_up_to(14)) == LINES
    assert list(file.read_up_to(13)) == LINES[:2]
    assert list(HistoryFile(file.path).read_up_to(14)) == LINES[:2]


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    line = Validation(3, Judged(math.nan), 0.5, math.nan)
    file = HistoryFile(tmp_path / "history.jsonl")
    file.append(line)
    assert "NaN" not in file.path.read_text()
    found = file.read_up_to(3)[0]
    assert math.isnan(found.judged.loss)
    assert (found.training_loss, found.rate) == (0.5, None)  # an engine may not tell its rate


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history.jsonl")
    file.append(LINES[0])
    file.path.write_text("no\n" + file.path.read_text())
    with pytest.raises(FormatError, match=r"history.jsonl:1: this is no line of a history"):
        file.read_up_to(0)


def test_a_validation_is_found_by_its_iteration() -> None:
    history = History(LINES)
    assert history.at(7) is LINES[1]
    assert history[-1] is LINES[2]
    with pytest.raises(KeyError):
        history.at(8)
