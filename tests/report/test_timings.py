"""Where the time went, as a table."""

from __future__ import annotations

import pytest
from command_line import tables_in

from netsurgery.progress import Timing
from netsurgery.report.timings import print_timings


def test_tasks_stand_below_what_they_are_a_part_of(capsys: pytest.CaptureFixture[str]) -> None:
    trials = Timing("trials", 2.0, 3.5, 1, {"fits": 1200}, {"fit": Timing("fit", 1.0)})
    planning = Timing("planning", 3.0, 4.0, 1, {"fits": 1200}, {"trials": trials})
    print_timings(Timing("", 4.0, 6.25, 1, {}, {"planning": planning}))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "\n   trials" in printed.err
    (rows,) = tables_in(printed.err)
    assert [list(row.values()) for row in rows] == [
        ["planning", "1", "3.00", "75.0%", "4.00", "1,200 fits"],
        ["trials", "1", "2.00", "50.0%", "3.50", "1,200 fits"],
        ["all", "1", "4.00", "100.0%", "6.25", ""],
    ]
    assert list(rows[0]) == ["task", "times", "seconds", "of all", "processor", "counted"]
