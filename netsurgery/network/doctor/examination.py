"""Everything that is wrong with a model, by all checks there are."""

from __future__ import annotations

from typing import List

from netsurgery.errors import NetsurgeryError
from netsurgery.network.doctor import (
    network_checks,
    number_checks,
    parameter_checks,
    text_checks,
    weights_checks,
)
from netsurgery.network.doctor.checked_model import CHECKS, CheckedModel, Finding
from netsurgery.network.model import Model

SEVERITIES = ("error", "warning", "note")
_MODULES = (network_checks, number_checks, parameter_checks, text_checks, weights_checks)
_PLACES = {module.__name__: place for place, module in enumerate(_MODULES)}


def examine(model: Model, phase: str = "TEST") -> List[Finding]:
    """Look for everything that is wrong with a model.

    The judge is stock BVLC Caffe: an error is what it aborts on, a warning what it takes but
    computes otherwise than meant, a note what is good to know.

    Args:
        model: The model; without weights, only the prototxt is examined.
        phase: ``"TEST"`` or ``"TRAIN"``.

    Returns:
        The findings, errors first, each kind in the order of the checks, module by module.
    """
    try:
        checked = CheckedModel(model, phase)
        checks = sorted(CHECKS, key=lambda check: _PLACES[check.__module__])
        found = [finding for check in checks for finding in check(checked)]
    except NetsurgeryError as error:  # A value that Caffe's parser refuses.
        return [Finding.of(error)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
