"""Verdicts as JUnit XML, which continuous integration reads.

The form is that of the schema of Jenkins' xUnit plugin (``junit-10.xsd``): suites of cases, each of
which passed, failed, or was skipped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Optional, Tuple
from xml.etree import ElementTree

from netsurgery.quality import LOST, UNJUDGED
from netsurgery.report.bisection import bisection_lines
from netsurgery.report.verification import describe, trace_lines
from netsurgery.verification import Verification

if TYPE_CHECKING:
    from netsurgery.jobs import Bisection

# What XML 1.0 has no way to write, not even as an entity.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class JUnitCase:
    """One thing that was checked.

    Attributes:
        name: What.
        failure: Why it failed, in a line; None where it did not.
        skipped: Why nothing is known of it; None where something is.
        details: More lines on it.
    """

    name: str
    failure: Optional[str] = None
    skipped: Optional[str] = None
    details: Tuple[str, ...] = ()


@dataclass(frozen=True)
class JUnitReport:
    """What was checked, as a suite.

    Attributes:
        name: What of.
        cases: The checks.
        seconds: How long it took.
        output: Lines that say what was done.
    """

    name: str
    cases: Tuple[JUnitCase, ...]
    seconds: float = 0.0
    output: Tuple[str, ...] = ()

    def to_xml(self) -> bytes:
        """Return the document."""
        failures = sum(one.failure is not None for one in self.cases)
        skipped = sum(one.skipped is not None for one in self.cases)
        counts = {"tests": str(len(self.cases)), "failures": str(failures), "errors": "0"}
        root = ElementTree.Element("testsuites", {"name": "netsurgery", **counts})
        more = {"skipped": str(skipped), "time": f"{self.seconds:.3f}"}
        suite = ElementTree.SubElement(root, "testsuite", {"name": self.name, **counts, **more})
        for one in self.cases:
            told = {"name": _writable(one.name), "classname": self.name, "time": "0"}
            case = ElementTree.SubElement(suite, "testcase", told)
            for tag, why in (("failure", one.failure), ("skipped", one.skipped)):
                if why is not None:
                    kind = {"type": self.name} if tag == "failure" else {}
                    found = ElementTree.SubElement(case, tag, {"message": _writable(why), **kind})
                    found.text = _writable("\n".join((why, *one.details)))
        if self.output:
            said = ElementTree.SubElement(suite, "system-out")
            said.text = _writable("\n".join(self.output))
        return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)

    def save(self, path: Path) -> None:
        """Write it, complete or not at all.

        Raises:
            FormatError: It cannot be written.
        """
        from netsurgery.formats import make_folder, write_whole

        make_folder(path.parent)
        write_whole(path, self.to_xml())


def junit_of_verification(done: Verification) -> JUnitReport:
    """Return a comparison as a suite: cases for blobs, for what outputs are worth, and for all."""
    seconds = 0.0 if done.timings is None else done.timings.seconds
    cases = (*_blob_cases(done), *_quality_cases(done), _verdict(done))
    return JUnitReport("netsurgery.verify", cases, seconds, (describe(done),))


def junit_of_bisection(found: Bisection) -> JUnitReport:
    """Return what a bisection found as a suite of one case."""
    first, *others = bisection_lines(found)
    name = "passes" if found.layer is None else f"rank of {found.layer}"
    case = JUnitCase(name, None if found else first, details=tuple(others))
    return JUnitReport("netsurgery.bisect", (case,), output=(first, *others))


def _blob_cases(done: Verification) -> Iterator[JUnitCase]:
    for row in done.blobs:
        mine = [reason for reason in done.missed if repr(row.blob) in reason]
        yield JUnitCase(f"blob {row.blob}", mine[0] if mine else None, details=tuple(mine[1:]))
    for line in done.lost_outputs:
        yield JUnitCase(line, line)


def _quality_cases(done: Verification) -> Iterator[JUnitCase]:
    for one in done.quality.outputs:
        name = f"quality of {one.blob}"
        fails = one.verdict == LOST and done.quality.fails and not done.quality.accepted
        if one.verdict == UNJUDGED:
            yield JUnitCase(name, skipped=str(one))
        else:
            yield JUnitCase(name, str(one) if fails else None)


def _verdict(done: Verification) -> JUnitCase:
    trace = tuple(trace_lines(done.trace))
    if done.passed is None:
        return JUnitCase("verdict", skipped=done.quality.unjudged or "nothing could be judged")
    first, *others = done.reasons or (None,)
    return JUnitCase("verdict", first, details=(*(str(one) for one in others), *trace))


def _writable(text: str) -> str:
    """Return text in which what XML cannot hold is shown as its code."""
    return _UNWRITABLE.sub(lambda found: f"\\x{ord(found.group()):02x}", text)
