from __future__ import annotations

import pytest

from netsurgery.methods import Prediction
from netsurgery.planning.asked import Asked
from netsurgery.report.asked import asked_lines, told, with_asked


@pytest.mark.parametrize(
    ("value", "what", "text"),
    [
        (0.9, "energy", "90%"),
        (0.90312, "energy", "90.31%"),
        (0.5, "bytes", "50%"),
        (600000, "bytes", "600.0 kB"),
        (9, "rank", "9"),
        ([9, 15], "rank", "9 15"),
        ("evbmf", "rank", "evbmf"),
        (None, "macs", "?"),
    ],
)
def test_values_are_told_as_they_were_asked(value: object, what: str, text: str) -> None:
    assert told(value, what) == text  # type: ignore[arg-type]


def test_columns_come_where_something_was_asked() -> None:
    table = (("layer", ">error"), [("fc6", "0.1"), ("fc7", "0.2")])
    assert with_asked(*table, [Prediction(), Prediction()], 1) == table
    predictions = [Prediction(asked={"energy": 0.9}, reached={"energy": 0.95}), Prediction()]
    columns, rows = with_asked(*table, predictions, 1)
    assert columns == ("layer", ">asked", ">reached", ">error")
    assert rows == [("fc6", "energy 90%", "95%", "0.1"), ("fc7", "-", "-", "0.2")]


def test_a_budget_that_is_not_used_up_is_told_with_the_reason() -> None:
    near, far = Asked(None, "macs", 0.5, 0.49), Asked(None, "params", 0.5, 0.1)
    width = Asked("conv1", "width", 8, 8)
    assert asked_lines([near]) == ["budget of macs: 50% asked, 49% reached"]
    assert len(asked_lines([near, far, width])) == 2
    assert "widths or rules take more" in asked_lines([far, width])[-1]
    assert "no choice comes nearer" in asked_lines([far])[-1]
