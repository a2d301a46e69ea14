"""What was asked of a plan, beside what it reaches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from netsurgery.costs import BYTES
from netsurgery.linalg import Ranks, Tradeoff, plain_ranks
from netsurgery.methods import Prediction, Setting
from netsurgery.planning.rules import LayerRule

MAX_LOSS = "max_loss"


@dataclass(frozen=True)
class Asked:
    """One thing that was asked for.

    Attributes:
        layer: The layer it was asked of; None for the whole net.
        what: ``"energy"``, ``"rank"``, ``"keep"``; ``"macs"``, ``"params"``, ``"bytes"``;
            ``"max_loss"``.
        asked: A share, a whole number, or ``"evbmf"``; of ``bytes`` more than 1, a size.
        reached: The same of what came of it; None where that is not known.
    """

    layer: Optional[str]
    what: str
    asked: Setting
    reached: Optional[Setting]

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def asked_of_net(
    budget: Mapping[str, float],
    whole: Mapping[str, Optional[float]],
    left: Mapping[str, Optional[float]],
) -> Tuple[Asked, ...]:
    """Return a budget beside what is left.

    Args:
        budget: What may be left of each cost: a share; of ``bytes`` a size if more than 1.
        whole: What the net costs.
        left: What the new one costs.
    """
    return tuple(
        Asked(None, name, allowed, _share_left(name, allowed, whole.get(name), left.get(name)))
        for name, allowed in budget.items()
    )


def _share_left(
    name: str, allowed: float, whole: Optional[float], left: Optional[float]
) -> Optional[float]:
    if left is None or not whole:
        return None
    return left if name == BYTES and allowed > 1 else float(f"{left / whole:.6g}")


def asked_of_layer(layer: str, predicted: Prediction) -> Iterator[Asked]:
    """Yield what was asked of a layer, as it stands with what is predicted of its edit."""
    reached = predicted.reached or {}
    for what, value in (predicted.asked or {}).items():
        yield Asked(layer, what, value, reached.get(what))


def rank_facts(rule: LayerRule, costs: Tradeoff, ranks: Ranks) -> Dict[str, Any]:
    """Return what a rule asks of a layer and what its ranks reach, for an edit's predictions."""
    what = "rank" if rule.kind == "evbmf" else rule.kind
    asked: Setting = rule.value
    reached: Setting = plain_ranks(ranks)
    if rule.kind == "evbmf":
        asked = "evbmf"
    elif rule.kind == "rank" and rule.whole:
        asked = int(rule.value)
    elif rule.kind == "rank":
        reached = _digits(sum(ranks) / sum(costs.full))
    else:
        lost = costs.fitted(ranks)
        reached = _digits(lost**0.5 if rule.kind == "error" else 1.0 - lost)
    return {"asked": {what: asked}, "reached": {what: reached}}


def channel_facts(
    rule: Optional[LayerRule], width: Optional[int], kept: int, of: int
) -> Dict[str, Any]:
    """Return what a rule or a width asks of a group of channels, and what it keeps."""
    if rule is None:
        return {"asked": {"width": width}, "reached": {"width": kept}} if width else {}
    asked: Setting = int(rule.value) if rule.whole else rule.value
    return {
        "asked": {"keep": asked},
        "reached": {"keep": kept if rule.whole else _digits(kept / of)},
    }


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
