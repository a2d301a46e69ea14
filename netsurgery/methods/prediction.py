"""What a planner predicts of an edit, as data that code and people read alike."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

Setting = Union[float, int, str, List[int]]
"""A share, a number, the name of a rule, or ranks."""


class Change(NamedTuple):
    """A cost before and after."""

    before: float
    after: float


@dataclass(frozen=True)
class SecondChoice:
    """What a layer would best be instead.

    Attributes:
        method: The method, ``"none"`` where it would stay as it is.
        options: Those that tell the form, such as its rank.
        error: Of the layer, as in `Prediction`.
        energy: Share of the layer's energy that is kept.
        loss: What the form loses, by the score.
        macs: What it computes.
        weights: How many weights it has.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    error: Optional[float] = None
    energy: Optional[float] = None
    loss: Optional[float] = None
    macs: Optional[float] = None
    weights: Optional[float] = None

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data, as it stands in a plan."""
        facts = {name: getattr(self, name) for name in _SECOND}
        told = {name: value for name, value in facts.items() if value is not None}
        return {"method": self.method, **self.options, **told}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SecondChoice:
        """Build it from plain data."""
        others = {name: data[name] for name in data if name not in (*_SECOND, "method")}
        return cls(data["method"], others, **{name: data.get(name) for name in _SECOND})


_SECOND = ("error", "energy", "loss", "macs", "weights")


@dataclass(frozen=True)
class Prediction:
    """What a planner predicts of an edit; what it cannot tell is None.

    Attributes:
        breakeven: The most ranks at which a form still saves weights; 0 where none does.
        error: ``||W - W'|| / ||W||`` of the layer's weights, or of what the layer makes.
        energy: Share of the energy (squares) of these that is kept.
        loss: What the form loses, by the score; losses of layers add up.
        macs: Multiply-accumulates.
        weights: Number of weights.
        seconds: Time of a forward pass, in the layer alone.
        second: What came second.
        measured: The error of the layer's outputs in the finished net, ``||y - y'|| / ||y||``.
        channels: How many there are, and how many stay.
        approximate: Why the net does not equal the one with zeros in place of what was cut.
        folds: The layers that go into this one.
        asked: What rules ask of the layer, such as ``{"energy": 0.9}``.
        reached: The same of what comes of it.
        others: Facts that this version does not know.
        order: Names of the facts as they stand in a plan; those not named come last.
    """

    breakeven: Optional[Union[int, List[int]]] = None
    error: Optional[float] = None
    energy: Optional[float] = None
    loss: Optional[float] = None
    macs: Optional[Change] = None
    weights: Optional[Change] = None
    seconds: Optional[Change] = None
    second: Optional[SecondChoice] = None
    measured: Optional[float] = None
    channels: Optional[Change] = None
    approximate: Optional[str] = None
    folds: Optional[List[str]] = None
    asked: Optional[Mapping[str, Setting]] = None
    reached: Optional[Mapping[str, Optional[Setting]]] = None
    others: Mapping[str, Any] = field(default_factory=dict)
    order: Tuple[str, ...] = field(default=(), compare=False, repr=False)

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data, as it stands in a plan; empty where nothing is predicted."""
        told = {name: _plain(getattr(self, name)) for name in _NAMES}
        found = {name: value for name, value in told.items() if value is not None}
        found.update(self.others)
        first = {name: found[name] for name in self.order if name in found}
        return {**first, **found}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Prediction:
        """Build it from plain data, of which the schema of plans has been seen to hold."""
        known = {name: data[name] for name in _NAMES if data.get(name) is not None}
        for name in _CHANGES & set(known):
            known[name] = Change(*known[name])
        if "second" in known:
            known["second"] = SecondChoice.from_dict(known["second"])
        others = {name: value for name, value in data.items() if name not in _NAMES}
        return cls(**known, others=others, order=tuple(data))


_NAMES = tuple(one.name for one in fields(Prediction) if one.name not in ("others", "order"))
_CHANGES = {"macs", "weights", "seconds", "channels"}


def _plain(value: Any) -> Any:
    if isinstance(value, Change):
        return list(value)
    if isinstance(value, SecondChoice):
        return value.to_dict()
    return dict(value) if isinstance(value, Mapping) else value
