"""How a user says which rank a layer gets: ``fc6=1024``, ``fc*=0.25``, ``InnerProduct=0.9``."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Iterable, Optional, Sequence

from netsurgery.costs import how_to_say, parse_number
from netsurgery.errors import PlanError, Remedy
from netsurgery.network import selects

COUNTS = ("rank", "keep")


@dataclass(frozen=True)
class LayerRule:
    """A wish for the layers that a pattern selects.

    Attributes:
        kind: ``"rank"``, ``"keep"`` (channels), ``"evbmf"`` (the rank that stands out of noise, see
            `netsurgery.linalg.evbmf`), ``"error"`` (relative Frobenius error of the weights) or
            ``"energy"`` (kept share of the sum of squared singular values).
        pattern: A layer name, a glob over names, or a layer type.
        value: The rank itself when ``whole``, else a fraction: of the full rank, the error, the
            energy.
        whole: Whether ``value`` is a rank and not a fraction.
    """

    kind: str
    pattern: str
    value: float
    whole: bool = False

    def selects(self, name: str, type_: str) -> bool:
        """Whether the rule speaks of the layer ``name`` of type ``type_``."""
        return selects(self.pattern, name, type_)

    def names(self, name: str) -> bool:
        """Whether the rule speaks of this very layer, not of all that a pattern selects."""
        return self.pattern == name

    def closeness(self, name: str) -> int:
        """How closely the rule speaks of a layer that it selects: of it, of some, of all."""
        return 2 if self.names(name) else int(self.pattern != "*")

    def agrees(self, other: LayerRule) -> bool:
        """Whether both ask the same of a layer."""
        return (self.kind, self.value, self.whole) == (other.kind, other.value, other.whole)

    def __str__(self) -> str:
        if self.kind == "evbmf":
            return f"rank {self.pattern}=evbmf"
        value = f"{self.value:.0f}" if self.whole else f"{self.value:g}"
        return f"{self.kind} {self.pattern}={value}"


def parse_rule(kind: str, text: str) -> LayerRule:
    """Read ``PATTERN=VALUE``, or for energy and error a bare ``VALUE`` that selects every layer.

    A rank is a whole number, a fraction, or ``evbmf``; fractions may be in percent: ``0.25`` and
    ``25%`` are the same.

    Raises:
        PlanError: The text is not of that form, or the value is out of range.
    """
    # The last "=": a layer's name may hold one, a value cannot.
    pattern, equals, value = text.rpartition("=")
    if kind == "rank" and value.strip() == "evbmf":
        return LayerRule("evbmf", pattern or "*", 1.0)
    if not equals and kind in COUNTS and not _is_fraction(text):
        raise PlanError(
            f"{kind} {text!r} names no layer",
            remedy=Remedy("write {} LAYER=NUMBER, or a share", kind),
        )
    number = _number(kind, text, value)
    whole = kind in COUNTS and value.strip().isdigit()
    low, high = (1, float("inf")) if whole else (0, 1)
    if not low <= number <= high or number == 0 or (kind == "error" and number == 1):
        raise PlanError(
            f"{kind} {text!r}: {value} is out of range",
            remedy=f"a {kind} is 1 or more; a share lies between 0 and 1"
            if kind in COUNTS
            else how_to_say(number),
        )
    return LayerRule(kind, pattern or "*", number, whole)


def choose(
    rules: Iterable[LayerRule], name: str, type_: str, layers: Sequence[tuple[str, str]]
) -> Optional[LayerRule]:
    """Return the rule that holds for a layer: the one that speaks of it most closely.

    A layer's own name beats a pattern, a pattern that selects fewer layers one that selects those
    and more, and any of these a rule for all layers.

    Args:
        rules: The rules.
        name: The layer.
        type_: Its type.
        layers: (name, type) of every layer that rules may speak of.

    Raises:
        PlanError: Two rules that speak of it equally closely contradict each other.
    """
    matching = [rule for rule in rules if rule.selects(name, type_)]
    most = max((rule.closeness(name) for rule in matching), default=0)
    closest = [rule for rule in matching if rule.closeness(name) == most]
    if len(closest) > 1:
        reach = [{one for one in layers if rule.selects(*one)} for rule in closest]
        closest = [
            rule for rule, own in zip(closest, reach) if all(own <= other for other in reach)
        ] or closest
    for rule in closest[1:]:
        if not rule.agrees(closest[0]):
            raise PlanError(
                f"{closest[0]} and {rule} contradict each other", layer=name, remedy="give one"
            )
    return next(iter(closest), None)


def refuse_kept(
    rules: Sequence[LayerRule], keep: Sequence[str], layers: Sequence[tuple[str, str]]
) -> None:
    """Refuse a rule of which nothing is left, as all that it speaks of is to be left alone.

    Args:
        rules: The rules.
        keep: Layers to leave alone, by name, glob or type.
        layers: (name, type) of every layer that could be rewritten.

    Raises:
        PlanError: A rule and what is kept contradict each other.
    """
    for rule in rules:
        spoken_of = [layer for layer in layers if rule.selects(*layer)]
        if spoken_of and all(keeps(keep, *layer) for layer in spoken_of):
            names = ", ".join(name for name, _ in spoken_of)
            raise PlanError(
                f"{rule} speaks only of what is to be kept as it is: {names}",
                remedy="leave one of both out",
            )


def refuse_idle(rules: Sequence[LayerRule], layers: Sequence[tuple[str, str]], takes: str) -> None:
    """Refuse a rule that speaks of no layer.

    Args:
        rules: The rules.
        layers: (name, type) of every layer that could be rewritten.
        takes: The layer types that the method takes, for the message.

    Raises:
        PlanError: A rule selects nothing.
    """
    for rule in rules:
        if rule.pattern != "*" and not any(rule.selects(*layer) for layer in layers):
            names = ", ".join(name for name, _ in layers) or "none"
            raise PlanError(
                f"{rule} selects no {takes} layer", remedy=f"those of this net are: {names}"
            )


def keeps(patterns: Iterable[str], name: str, type_: str) -> bool:
    """Whether a layer is to be left alone, by its name, a glob or its type."""
    return any(LayerRule("keep", pattern, 0).selects(name, type_) for pattern in patterns)


def refuse_idle_keeps(patterns: Iterable[str], layers: Sequence[tuple[str, str]]) -> None:
    """Refuse to keep what is not there.

    Args:
        patterns: Layers to leave alone, by name, glob or type.
        layers: (name, type) of every layer of the net.

    Raises:
        PlanError: A pattern selects no layer.
    """
    for pattern in patterns:
        if not any(keeps([pattern], *layer) for layer in layers):
            close = get_close_matches(pattern, [name for name, _ in layers], 1)
            remedy = f"did you mean {close[0]}?" if close else "see `netsurgery inspect` for names"
            raise PlanError(f"keep {pattern} selects no layer", remedy=remedy)


def _is_fraction(text: str) -> bool:
    number = parse_number(text)
    return number is not None and 0 < number <= 1 and not text.strip().isdigit()


def _number(kind: str, text: str, value: str) -> float:
    number = parse_number(value)
    if number is None:
        raise PlanError(
            f"{kind} {text!r}: {value!r} is not a number",
            remedy=Remedy("write {} LAYER=VALUE", kind),
        )
    return number
