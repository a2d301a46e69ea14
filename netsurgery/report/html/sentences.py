"""What everybody should know of a net, in words that need no knowledge of nets."""

from __future__ import annotations

from typing import Optional

from netsurgery.quality import DEGRADED, GOOD as AS_GOOD, LOST, ORDER, UNJUDGED, Quality
from netsurgery.report.html.document import BAD, DOUBTFUL, GOOD
from netsurgery.verification import Accuracy

MOODS = {AS_GOOD: GOOD, DEGRADED: DOUBTFUL, UNJUDGED: DOUBTFUL, LOST: BAD}
"""The mood of each verdict on what is left of a net."""
_WORTH = {
    AS_GOOD: "its answers are as good as before",
    DEGRADED: "its answers have become somewhat worse",
    LOST: "what it tells is lost",
    UNJUDGED: "nothing tells yet how good its answers still are",
}


def worth(quality: Quality, accuracy: Optional[Accuracy]) -> str:
    """Return what is left of a net, as half a sentence, with the figure that decides.

    Args:
        quality: The verdict.
        accuracy: Of both nets, where there were labels.
    """
    told = _WORTH[quality.verdict]
    if accuracy is not None:
        before, after = accuracy.before, accuracy.after
        return f"{told}: {before:.1%} of them were right before, {after:.1%} are now"
    judged = [one for one in quality.outputs if one.worst is not None]
    if quality.verdict == UNJUDGED or not judged:
        return told
    figure = max(judged, key=lambda one: ORDER.index(one.verdict)).worst
    assert figure is not None
    limits = figure.limits
    return f"{told} ({limits.figure} {limits.told(figure.value)}; that is: {limits.meaning})"


def change(left: float, what: str) -> str:
    """Return how much less or more there is of something.

    >>> change(0.4, "work"), change(1.25, "work"), change(1.0, "work")
    ('60.0% less work', '25.0% more work', 'as much work as before')
    """
    if abs(left - 1) < 0.0005:
        return f"as much {what} as before"
    return f"{abs(1 - left):.1%} {'less' if left < 1 else 'more'} {what}"
