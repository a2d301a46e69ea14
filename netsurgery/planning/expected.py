"""What a planner expects of a whole net, as data that code and people read alike."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Dict, Mapping, Optional, Tuple


@dataclass(frozen=True)
class MetricValues:
    """A metric of the user, of the whole net; higher is better.

    Attributes:
        whole: Of the original.
        predicted: Of the planned net, by what layers lose alone.
        measured: Of the planned net, carried out.
    """

    whole: float
    predicted: Optional[float] = None
    measured: Optional[float] = None

    def to_dict(self) -> Dict[str, float]:
        """Return it as plain data."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class TriedBudget:
    """A net that was made and measured in a search for the smallest.

    Attributes:
        share: The budget that was tried: a share of what the net costs.
        left: What share the net then made costs; None where the budget cannot be met.
        loss: What was measured to be lost; None likewise.
    """

    share: float
    left: Optional[float] = None
    loss: Optional[float] = None

    def to_dict(self) -> Dict[str, float]:
        """Return it as plain data."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class LossSearch:
    """A search for the smallest net that loses no more than it may.

    Attributes:
        asked: What may be lost: a share, see `netsurgery.quality.loss_of`.
        measured: What the net found loses.
        figure: What was measured, such as ``"agreement"``.
        output: Of which output.
        inputs: On what.
        currency: The cost that was made smaller.
        tried: The nets that were made, in their order.
        reason: Why the net is given as it was; None where it is smaller.
    """

    asked: float
    measured: float
    figure: Optional[str] = None
    output: Optional[str] = None
    inputs: Optional[str] = None
    currency: Optional[str] = None
    tried: Tuple[TriedBudget, ...] = ()
    reason: Optional[str] = None

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data."""
        facts = {name: value for name, value in vars(self).items() if value is not None}
        return {**facts, "tried": [one.to_dict() for one in self.tried]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LossSearch:
        """Build it from plain data."""
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        tried = [TriedBudget(**one) for one in data.get("tried", ())]
        return cls(**{**known, "tried": tuple(tried)})


@dataclass(frozen=True)
class Expected:
    """What a planner expects of a whole net; what it cannot tell is None or empty.

    Attributes:
        score: By what the losses of layers were told.
        budget: What was allowed of each cost: a share; of ``bytes`` a size if more than 1.
        loss: What all choices lose together, by the score.
        gap: By how much less another choice could lose at most, where the search was stopped.
        predicted: The error of the outputs, where the product of the layers' energies is what is
            left of theirs.
        metric: The user's metric, where that is the score.
        whole: What the net costs, by currency.
        left: What the planned one costs.
        measured: The relative error of each output, of the net as carried out.
        correction: How many times what was predicted each of these is.
        max_loss: The search for the smallest net that loses no more than it may, if there was one.
        corrected: Of a plan that was not carried out: what it will be found to lose.
        untried: What a quick plan left out that tells more of what is lost, in words.
        others: Facts that this version does not know.
    """

    score: Optional[str] = None
    budget: Mapping[str, float] = field(default_factory=dict)
    loss: Optional[float] = None
    gap: Optional[float] = None
    predicted: Optional[float] = None
    metric: Optional[MetricValues] = None
    whole: Mapping[str, float] = field(default_factory=dict)
    left: Mapping[str, float] = field(default_factory=dict)
    measured: Optional[Mapping[str, float]] = None
    correction: Mapping[str, float] = field(default_factory=dict)
    corrected: Mapping[str, float] = field(default_factory=dict)
    max_loss: Optional[LossSearch] = None
    untried: Tuple[str, ...] = ()
    others: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self != Expected()

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data, as it stands in a plan."""
        found: Dict[str, Any] = {}
        for name in _NAMES:
            value = getattr(self, name)
            if isinstance(value, (MetricValues, LossSearch)):
                found[name] = value.to_dict()
            elif isinstance(value, Mapping):
                # That nothing could be measured is a fact; that nothing was asked is none.
                found.update({name: dict(value)} if value or name == "measured" else {})
            elif isinstance(value, tuple):
                found.update({name: list(value)} if value else {})
            elif value is not None:
                found[name] = value
        return {**found, **self.others}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Expected:
        """Build it from plain data, of which the schema of plans has been seen to hold."""
        known = {name: data[name] for name in _NAMES if data.get(name) is not None}
        if "metric" in known:
            facts = known["metric"]
            known["metric"] = MetricValues(
                facts["whole"], facts.get("predicted"), facts.get("measured")
            )
        if "max_loss" in known:
            known["max_loss"] = LossSearch.from_dict(known["max_loss"])
        known["untried"] = tuple(known.get("untried", ()))
        others = {name: value for name, value in data.items() if name not in _NAMES}
        return cls(**known, others=others)


_NAMES = tuple(one.name for one in fields(Expected) if one.name != "others")
