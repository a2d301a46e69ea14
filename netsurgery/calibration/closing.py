"""Models that a calibrator has open, closed for whoever needs the memory next."""

from __future__ import annotations

import contextlib
from typing import Iterator, Optional

from netsurgery.calibration.calibrator import Calibrator


@contextlib.contextmanager
def closed_behind(calibrator: Optional[Calibrator]) -> Iterator[None]:
    """Close what a calibrator has open once this is left, as a solver or a proof needs the memory.

    Args:
        calibrator: The calibrator, if there is one.
    """
    try:
        yield
    finally:
        if calibrator is not None:
            calibrator.sessions.close()
