"""What a quick plan leaves out, and says that it did."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from netsurgery.calibration import Calibrator
    from netsurgery.planning import Plan

SCORE = "output"
"""What forms lose of what their layers make: moments of one run tell, and nothing is tried."""

INPUTS = 64
"""Inputs that are looked at, at most."""

TRIALS = "what a loss in each layer does to the outputs of the net"
JOINT = "the plan as a whole: it was not carried out to measure what is lost"


def quickly(calibrator: Optional[Calibrator]) -> Optional[Calibrator]:
    """Return what runs a few of the inputs, spread evenly."""
    if calibrator is None or len(calibrator.inputs) <= INPUTS:
        return calibrator
    return calibrator.spread(INPUTS)


def told_untried(plan: Plan, inputs: int, joint: bool) -> Plan:
    """Return a plan that says what a quick one does not try.

    Args:
        plan: The plan.
        inputs: How many there were to look at.
        joint: Whether one that is not quick is carried out to measure it.
    """
    left = inputs - INPUTS
    untried = [TRIALS, *([JOINT] if joint else []), *([f"{left} of {inputs} inputs"] * (left > 0))]
    return replace(plan, expected=replace(plan.expected, untried=tuple(untried)))
