"""What is told of a run of training: rows of its history, and curves."""

from __future__ import annotations

from typing import List

import pytest
from command_line import tables_in

from netsurgery.report import print_history
from netsurgery.report.training import shown
from netsurgery.training import History, Judged, Validation


def history(count: int, best: int = 0, **changes: bool) -> History:
    lines: List[Validation] = []
    for number in range(count):
        judged = Judged(2.0 / (number + 1), {"accuracy": 0.5 + number / 1000})
        loss, rate = (1.0, 0.1) if number else (None, None)
        lines.append(Validation(10 * number, judged, loss, rate, number == best, **changes))
    return History(lines)


@pytest.mark.parametrize("count", [1, 2, 12, 13, 100])
def test_some_validations_stand_for_many(count: int) -> None:
    found = shown(history(count, best=min(37, count - 1)))
    places = [one.iteration // 10 for one in found]
    assert places == sorted(set(places))
    assert {0, min(37, count - 1), count - 1} <= set(places)
    assert len(places) == count if count <= 12 else 12 <= len(places) <= 13


def test_a_row_tells_a_validation(capsys: pytest.CaptureFixture[str]) -> None:
    print_history(history(3, best=1))
    (rows,) = tables_in(capsys.readouterr().out)
    assert [row["step"] for row in rows] == ["0", "10", "20"]
    assert [row["loss, training"] for row in rows] == ["-", "1", "1"]
    assert rows[1]["accuracy, aside"] == "50.10%"
    print_history(history(3, best=-1, counts=False))
    assert capsys.readouterr().out.count("not settled yet") == 3
