"""A comparison of two models, as lines and as a table."""

from __future__ import annotations

import json
import re
from typing import Optional

import pytest
from command_line import tables_in
from hypothesis import given, strategies as st

from netsurgery.report.verification import (
    accuracy_line,
    blob_row,
    describe,
    share,
    unmoved_lines,
    would_pass,
)
from netsurgery.verification import Accuracy, BlobComparison, Demand, Noise, Verification

EQUAL = {"error": 0.0, "cosine": 1.0, "max_difference": 0.0, "largest": 1.0}


def comparison(**facts: object) -> BlobComparison:
    return BlobComparison(**{**EQUAL, **facts})  # type: ignore[arg-type]


def verification(*blobs: BlobComparison) -> Verification:
    return Verification(Demand(), "caffe", "1.0", "8 random", "0" * 64, 8, blobs)


def test_what_was_run_where_and_on_what() -> None:
    assert describe(verification()) == "caffe 1.0, 8 inputs (8 random), expecting approx outputs"


@pytest.mark.parametrize(
    ("kind", "agreement", "told"),
    [
        ("values", None, "-"),
        ("classes", 0.98765, "98.77%"),
        ("detections", 0.5, "50.00% of boxes"),
        ("detections", None, "-"),
    ],
)
def test_a_row_of_the_table(kind: str, agreement: Optional[float], told: str) -> None:
    row = comparison(
        blob="prob",
        kind=kind,
        error=0.01234,
        cosine=0.9999994,
        max_difference=3e-5,
        largest=123.4,
        agreement=agreement,
        top5=1.0,
        noise=Noise(error=2e-7),
    )
    assert blob_row(row)[:7] == (
        *("prob", "1.23e-02", "0.999999", "3.00e-05", "123"),
        *(told, "100.00%"),
    )


def test_the_accuracy_of_both_nets_and_of_five_best_where_there_are_so_many() -> None:
    few = Accuracy("prob", 200, 0.75, 0.7, None, None)
    line = "accuracy of 'prob' on 200 labels: 0.7500 before, 0.7000 after"
    assert accuracy_line(few) == line
    many = Accuracy("prob", 200, 0.75, 0.7, 0.95, 0.9)
    assert accuracy_line(many) == f"{line}; top-5 0.9500 before, 0.9000 after"


def test_channels_that_no_input_moved_are_counted_over_the_blobs_that_have_some() -> None:
    one = comparison(blob="fc6", channels=10, unmoved=1)
    more = comparison(blob="fc7", channels=2000, unmoved=1500)
    none, unknown = comparison(blob="fc8", channels=4, unmoved=0), comparison(blob="fc9")
    assert unmoved_lines(verification(none, unknown)) == []
    (line,) = unmoved_lines(verification(one, none, unknown))
    assert line.startswith("1 of 10 channels of blob 'fc6' never moved")
    assert line.endswith("nothing is known of what it does")
    (line,) = unmoved_lines(verification(one, more, none))
    assert line.startswith("1,501 of 2,010 channels of 2 blobs never moved")
    assert line.endswith("nothing is known of what they do")
    (line,) = unmoved_lines(verification(comparison(channels=10, unmoved=None)))
    assert line == "one input alone cannot tell which channels move with it: give more"


@given(st.floats(1e-12, 1e6), st.floats(0.0, 1.0))
def test_the_limits_that_would_pass_do(error: float, agreement: float) -> None:
    row = comparison(kind="classes", output=True, error=error, agreement=agreement)
    line = would_pass(verification(row))
    told = re.fullmatch(r"it would pass with max error (\S+) and min agreement (\S+)", line)
    assert told
    assert float(told[1]) >= error
    # Three digits, the last of them rounded up.
    assert float(told[1]) <= error * 1.0101
    assert agreement - 1e-4 <= float(told[2]) <= agreement


def test_shares() -> None:
    assert (share(None), share(0.5), share(1 / 3)) == ("-", "50.00%", "33.33%")


def test_the_table_says_what_the_json_says(netsurgery, pair, engine: str) -> None:
    asked = ("verify", *pair, *pair, "--engine", engine)
    found = json.loads(netsurgery(*asked, "--json").out)
    done = netsurgery(*asked)
    assert done.status == 0
    (rows,) = tables_in(done.out)
    assert [row["blob"] for row in rows] == [blob["blob"] for blob in found["blobs"]]
    for row, blob in zip(rows, found["blobs"]):
        assert row["error"] == f"{blob['error']:.2e}"
        assert row["largest"] == f"{blob['largest']:.3g}"
    assert "passed" in done.out.splitlines()
    assert f"{engine} {found['engine']['version']}, 8 inputs" in done.out
