"""What a reader of JUnit XML makes of verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite
from small_models import make_model, two_layers

import netsurgery as ns
from netsurgery.jobs import Bisection
from netsurgery.network.model import Model
from netsurgery.report import JUnitReport, junit_of_bisection, junit_of_verification
from netsurgery.report.junit import JUnitCase


def read(report: JUnitReport, path: Path) -> TestSuite:
    report.save(path)
    (suite,) = JUnitXml.fromfile(str(path))
    return suite


def cases(suite: TestSuite) -> Dict[str, TestCase]:
    found = {case.name: case for case in suite}
    assert len(found) == suite.tests
    return found


def moved(by: float) -> Model:
    blobs = {one.name: [b.array() for b in one.blobs] for one in two_layers().weights.layers}
    blobs["fc6"][1] = blobs["fc6"][1] + by
    return make_model(bytes(two_layers().prototxt).decode(), blobs)


def test_a_failure_is_told_with_where_it_begins(opencv: str, tmp_path: Path) -> None:
    done = ns.verify(two_layers(), moved(1), ns.VerifyRequest(expect="exact"))
    suite = read(junit_of_verification(done), tmp_path / "junit.xml")
    found = cases(suite)
    assert (suite.failures, suite.errors, suite.skipped) == (2, 0, 1)
    (failure,) = found["verdict"].result
    assert isinstance(failure, Failure)
    assert failure.message == done.reasons[0]
    assert "layer 'fc6' holds" in failure.text
    assert [type(one) for one in found["blob fc7"].result] == [Failure]
    assert [type(one) for one in found["quality of fc7"].result] == [Skipped]
    assert suite.time == pytest.approx(done.timings.seconds, abs=1e-3)


def test_what_passes_has_no_failure(opencv: str, tmp_path: Path) -> None:
    done = ns.verify(two_layers(), two_layers(), ns.VerifyRequest(expect="exact"))
    suite = read(junit_of_verification(done), tmp_path / "junit.xml")
    assert suite.failures == 0
    assert cases(suite)["verdict"].is_passed


def test_what_cannot_be_judged_is_skipped(opencv: str, tmp_path: Path) -> None:
    done = ns.verify(two_layers(), moved(1e-3))
    assert done.passed is None
    found = cases(read(junit_of_verification(done), tmp_path / "junit.xml"))
    assert found["verdict"].is_skipped


def test_a_bisection_is_one_case(tmp_path: Path) -> None:
    for passed in (True, False):
        suite = read(junit_of_bisection(Bisection(passed, 3, 5)), tmp_path / "junit.xml")
        (case,) = suite
        assert case.is_passed is passed


def test_names_are_written_whatever_they_hold(tmp_path: Path) -> None:
    hostile = ']]> <a & "b"> \x00 \x1b \ud800 \uffff 网'
    case = JUnitCase(hostile, failure=hostile, details=(hostile,))
    (read_case,) = read(
        JUnitReport("netsurgery.verify", (case,), output=(hostile,)), tmp_path / "x.xml"
    )
    assert read_case.name == ']]> <a & "b"> \\x00 \\x1b \\xd800 \\xffff 网'
    assert read_case.result[0].message == read_case.name
