"""What is left of a net, as text: the verdict, and each output's figure beside its limits."""

from __future__ import annotations

from typing import Callable, List

from netsurgery.quality import DEGRADED, LOST, UNJUDGED, Quality

STILL_GOOD = "still good"
_LOUD = (DEGRADED, LOST)


def quality_lines(quality: Quality, flag: Callable[[str], str] = "`{}`".format) -> List[str]:
    """Return the verdict, the outputs it rests on and the cautions, a line each.

    Args:
        quality: What is left.
        flag: Names an argument of the library, in what there is to do.
    """
    verdict = quality.verdict
    headline = f"{STILL_GOOD}: {verdict.upper() if verdict in _LOUD else verdict}"
    if verdict == LOST and quality.accepted and not quality.fails:
        headline += ", and accepted: the net is written all the same"
    elif verdict == LOST and not any(one.broken for one in quality.outputs):
        headline += f"; {flag('accept_loss')} lets it pass"
    lines = [headline]
    if quality.unjudged is not None:
        lines.append(f"  {quality.unjudged}")
    for one in quality.outputs:
        if one.reason is None or one.reason != quality.unjudged:
            lines.append(f"  {one}")
    if quality.remedy is not None and verdict == UNJUDGED:
        lines.append(f"  {quality.remedy.told(flag)}")
    return [*lines, *(f"  caution: {line}" for line in quality.cautions)]
