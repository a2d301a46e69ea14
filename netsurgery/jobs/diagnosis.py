"""What is wrong with a model, before anything runs it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Tuple

from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.job_request import JobRequest
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.network import Finding, examine
from netsurgery.validation import validated


@dataclass(frozen=True)
class DoctorRequest(JobRequest):
    """How to examine a model.

    Attributes:
        phase: ``"TEST"`` or ``"TRAIN"``, of the net: layers may be in one of them alone.
    """

    phase: str = "TEST"


@dataclass(frozen=True)
class Diagnosis:
    """What was found. Truthy where nothing is that stock Caffe would refuse.

    Attributes:
        findings: All of it, errors and what is good to know.
    """

    findings: Tuple[Finding, ...]

    @property
    def errors(self) -> Tuple[Finding, ...]:
        """What stock Caffe refuses."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def __bool__(self) -> bool:
        return not self.errors

    def to_dict(self) -> List[Dict[str, Any]]:
        """Return the findings as plain data, a dictionary each."""
        return [asdict(finding) for finding in self.findings]


@validated
def doctor(model: ModelLike, request: Optional[DoctorRequest] = None) -> Diagnosis:
    """Name all that real Caffe would abort on, and what it would silently get wrong.

    Nothing is run.

    Args:
        model: The network, with or without weights, or its files.
        request: How to examine it.

    Raises:
        RequestError: There is no such phase.
        FormatError: A file cannot be read, or is not what it should be.
        NetworkError: The net cannot take an input shape that is given.
    """
    request = request or DoctorRequest()
    refuse_contradictions("doctor", request)
    model = open_model_like(model, request.phase)
    return Diagnosis(tuple(examine(model, request.phase)))
