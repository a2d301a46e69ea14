"""Which changes of a net fail, as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsurgery.jobs import Bisection
from netsurgery.report.bisection import bisection_lines


def test_the_smallest_rank_that_passes_is_told_with_what_it_took() -> None:
    found = Bisection(True, changes=40, checks=6, rank=12, layer="fc6")
    assert bisection_lines(found) == [
        "layer 'fc6': rank 12 passes, the next smaller one does not (6 checks of 40 ranks)"
    ]


@pytest.mark.parametrize(
    ("rank", "told"), [(None, "no rank passes, not even 40"), (1, "rank 1 passes")]
)
def test_the_ends_of_all_ranks_are_told_as_such(rank, told) -> None:
    found = Bisection(rank is not None, changes=40, checks=1, rank=rank, layer="fc6")
    assert bisection_lines(found) == [f"layer 'fc6': {told} (1 check of 40 ranks)"]


def test_a_net_that_passes_has_no_culprits_and_files_are_told() -> None:
    found = Bisection(True, changes=3, checks=1, files=(Path("a.prototxt"),))
    assert bisection_lines(found) == ["the new net passes (1 check)", "written a.prototxt"]
