"""Groups of channels as a tree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from netsurgery.report.channels import numbers


@pytest.mark.parametrize(
    ("channels", "text"),
    [
        ([], ""),
        ([3], "3"),
        ([3, 4], "3, 4"),
        ([3, 4, 5], "3-5"),
        ([0, 1, 2, 3, 8, 9], "0-3, 8, 9"),
        (list(range(0, 18, 2)), "0, 2, 4, 6, 8, 10, 12, 14, ..."),
        (list(range(0, 16, 2)), "0, 2, 4, 6, 8, 10, 12, 14"),
    ],
)
def test_runs_of_numbers_are_written_in_short(channels: list, text: str) -> None:
    assert numbers(channels) == text


@given(st.sets(st.integers(0, 30), max_size=8))
def test_what_is_written_in_short_can_be_read_again(channels: set) -> None:
    runs = [part.split("-") for part in numbers(sorted(channels)).split(", ") if part]
    assert {n for run in runs for n in range(int(run[0]), int(run[-1]) + 1)} == channels


def test_a_group_is_drawn_with_all_that_its_json_names(netsurgery, pair) -> None:
    drawn = netsurgery("channels", pair[0], "fc6").out
    (group,) = json.loads(netsurgery("channels", pair[0], "fc6", "--json").out)
    lines = drawn.splitlines()
    assert lines[0] == f"fc6: {group['channels']} channels"
    assert lines[1:] == [
        "├── made by",
        "│   └── fc6 (InnerProduct): blob 0 (weights) axis 0, blob 1 (bias) axis 0",
        "├── passed on by",
        "│   └── relu6 (ReLU)",
        "└── read by",
        "    └── fc7 (InnerProduct): blob 0 (weights) axis 1",
    ]
    assert [(cut["layer"], cut["blob"], cut["axis"]) for cut in group["cuts"]] == [
        ("fc6", 0, 0),
        ("fc6", 1, 0),
        ("fc7", 0, 1),
    ]
    assert group["through"] == ["relu6"]


def test_channels_that_must_stay_are_counted_with_the_reason(netsurgery, pair) -> None:
    drawn = netsurgery("channels", pair[0], "fc7").out
    assert "fc7: 5 channels, all must stay" in drawn
    assert "stay because" in drawn
    assert "output" in drawn[drawn.index("stay because") :]
