"""What is left of a net: a verdict on each output, and the worst of them on the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Optional, Tuple

from netsurgery.errors import Remedy
from netsurgery.quality.evaluator import MetricValue
from netsurgery.quality.limits import DEGRADED, GOOD, LOST, UNJUDGED

ORDER = (GOOD, UNJUDGED, DEGRADED, LOST)


@dataclass(frozen=True)
class OutputQuality:
    """The verdict on an output.

    Attributes:
        blob: Its name in the original.
        kind: What it is, one of `KINDS`.
        told_by: What told so.
        verdict: ``"good"``, ``"degraded"``, ``"lost"`` or ``"unjudged"``.
        figures: What was measured, beside its limits.
        reason: What the verdict rests on, where that is not a figure.
        broken: It is lost whatever limits there are in the table: it is missing, of another shape,
            not finite, or beyond a limit of the user.
        silent: There was nothing in it to measure, so that no limit can be kept either.
    """

    blob: str
    kind: str
    told_by: str
    verdict: str
    figures: Tuple[MetricValue, ...] = ()
    reason: Optional[str] = None
    broken: bool = False
    silent: bool = False

    @property
    def worst(self) -> Optional[MetricValue]:
        """The figure that decides; None where there is none."""
        return max(self.figures, key=lambda one: ORDER.index(one.verdict), default=None)

    def __str__(self) -> str:
        told = "; ".join((*([self.reason] if self.reason else []), *map(str, self.figures)))
        return f"{self.blob!r} ({self.kind}: {self.told_by}) {self.verdict}: {told}".rstrip(": ")

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as JSON takes it; the figure that decides stands for itself, too."""
        worst = self.worst.to_dict() if self.worst else dict.fromkeys(("figure", "value"))
        return {
            "blob": self.blob,
            "kind": self.kind,
            "told_by": self.told_by,
            **worst,
            "verdict": self.verdict,
            "reason": self.reason,
            "figures": [figure.to_dict() for figure in self.figures],
        }


@dataclass(frozen=True)
class Quality:
    """What is left of a net, as far as some inputs tell.

    Attributes:
        outputs: The verdict on each output.
        cautions: What makes the verdict doubtful, a line each.
        accepted: A loss was accepted beforehand.
        unjudged: Why nothing was judged; None where something was.
        remedy: What to do about that.
    """

    outputs: Tuple[OutputQuality, ...] = ()
    cautions: Tuple[str, ...] = ()
    accepted: bool = False
    unjudged: Optional[str] = None
    remedy: Optional[Remedy] = None

    @property
    def verdict(self) -> str:
        """The worst of all outputs: ``"good"``, ``"unjudged"``, ``"degraded"`` or ``"lost"``."""
        found = [one.verdict for one in self.outputs]
        found += [UNJUDGED] if self.unjudged is not None or not found else []
        return max(found, key=ORDER.index)

    @property
    def fails(self) -> bool:
        """Whether an output is lost, and nobody accepted that, or could."""
        return any(
            one.verdict == LOST and (one.broken or not self.accepted) for one in self.outputs
        )

    @property
    def reasons(self) -> Tuple[str, ...]:
        """Why the verdict is not good, a line each."""
        found = [str(one) for one in self.outputs if one.verdict not in (GOOD, UNJUDGED)]
        silent = [str(one) for one in self.outputs if one.verdict == UNJUDGED]
        if self.unjudged is not None:
            return (*found, self.unjudged)
        return (*found, *silent)

    @property
    def lost(self) -> Tuple[str, ...]:
        """What is lost, a line each."""
        return tuple(str(one) for one in self.outputs if one.verdict == LOST)

    def warned(self, *cautions: str) -> Quality:
        """Return the same with more cautions."""
        return replace(self, cautions=(*self.cautions, *cautions))

    def to_dict(self, name: Callable[[str], str] = "`{}`".format) -> Dict[str, Any]:
        """Return everything as JSON takes it.

        Args:
            name: Names an argument of the library, in what there is to do.
        """
        remedy = self.remedy.told(name) if self.remedy else None
        return {
            "verdict": self.verdict,
            "accepted": self.accepted or None,
            "reasons": [*self.reasons, *([remedy] if remedy and self.verdict == UNJUDGED else [])],
            "cautions": list(self.cautions),
            "outputs": [one.to_dict() for one in self.outputs],
        }


def unjudged(reason: str, remedy: Optional[Remedy] = None) -> Quality:
    """Return that nothing is known of a net, and why."""
    return Quality(unjudged=reason, remedy=remedy)


GIVE_PICTURES = Remedy("give pictures, or other real inputs, with {}", "inputs")
__all__ = [
    "DEGRADED",
    "GIVE_PICTURES",
    "GOOD",
    "LOST",
    "ORDER",
    "UNJUDGED",
    "OutputQuality",
    "Quality",
    "unjudged",
]
