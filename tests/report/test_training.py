"""What is told of a run of training: rows of its history, and curves."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import List

import pytest
from command_line import tables_in

from netsurgery.errors import FormatError
from netsurgery.report import plot_training, print_history
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


def test_curves_are_the_same_file_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run = [*history(5, best=2), Validation(50, Judged(math.nan), 0.7, 0.1)]
    for name in ("a.svg", "b.svg"):
        plot_training(History(run), tmp_path / name)
    drawn = (tmp_path / "a.svg").read_text()
    assert drawn == (tmp_path / "b.svg").read_text()
    told = set(re.findall(r">([^<>\n]+)</text>", drawn))
    assert {"loss, aside", "loss, training", "accuracy, aside", "best", "steps"} <= told
    plot_training(History(run), tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FormatError):
        plot_training(History(run), tmp_path / "none" / "d.svg")
