"""What is lost of a net, as one number: what a user limits who asks for the smallest net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from netsurgery.quality.limits import ACCURACY, LOST, UNJUDGED
from netsurgery.quality.verdict import OutputQuality, Quality

EVERYTHING = 1.0


@dataclass(frozen=True)
class OutputLoss:
    """What is lost of the output that loses most.

    Attributes:
        output: The output.
        figure: What was measured, such as ``"agreement"``.
        share: What is lost of it, see `Limits.lost_share`; below 0 where it is better than before.
    """

    output: str
    figure: str
    share: float


def loss_of(quality: Quality) -> Optional[OutputLoss]:
    """Return what is lost, as a share: of the output with labels its accuracy, else the most.

    Agreement and matched detections are held to 1; where the new net detects what the original
    does not, that counts as much as what it misses. An output that is worth nothing is lost whole.

    Args:
        quality: What is left of the net.

    Returns:
        None where nothing was judged.
    """
    found = [one for output in quality.outputs for one in [_loss_of(output)] if one is not None]
    labelled = [one for one in found if one.figure == ACCURACY.figure]
    return max(labelled or found, key=lambda one: one.share, default=None)


def _loss_of(output: OutputQuality) -> Optional[OutputLoss]:
    worthless = output.verdict == LOST and (output.broken or output.reason is not None)
    if worthless:
        return OutputLoss(output.blob, output.reason or "lost", EVERYTHING)
    shares = [
        OutputLoss(output.blob, one.limits.figure, one.limits.lost_share(one.value))
        for one in output.figures
        if not one.limits.beside
    ]
    if output.verdict == UNJUDGED or not shares:
        return None
    return max(shares, key=lambda one: one.share)
