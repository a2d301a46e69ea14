"""Two runs of a batch held against each other: what got better, worse, slower, lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

from netsurgery.quality import ORDER
from netsurgery.zoo.index import Index
from netsurgery.zoo.outcome import BAD, REFUSED, Outcome

LOST, WORSE, SLOWER, BETTER, NEW, SAME = "lost", "worse", "slower", "better", "new", "same"
CHANGES = (LOST, WORSE, SLOWER, BETTER, NEW, SAME)
"""What may have become of a model; the first that holds is told."""

NOTABLE = 0.01
"""The share by which a cost, an error or a figure has to move: less is noise of inputs drawn anew
and of sums in another order."""
SLOW, SLOW_SECONDS = 1.5, 1.0
"""How much longer, and by how many seconds at least, what counts as slower takes."""


@dataclass(frozen=True)
class ModelChange:
    """What became of a model from one run to the next.

    Attributes:
        name: The model's name.
        change: One of `CHANGES`.
        reasons: What moved, a line each.
    """

    name: str
    change: str
    reasons: Tuple[str, ...]


@dataclass(frozen=True)
class BatchComparison:
    """Two runs of a batch held against each other.

    Truthy where nothing got lost or worse.

    Attributes:
        models: What became of each model.
    """

    models: Tuple[ModelChange, ...]

    @property
    def counts(self) -> Dict[str, int]:
        """How many models there are of each change."""
        found = Counter(one.change for one in self.models)
        return {change: found[change] for change in CHANGES if found[change]}

    def __bool__(self) -> bool:
        return not any(one.change in (LOST, WORSE) for one in self.models)

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data."""
        return {"counts": self.counts, "models": [asdict(one) for one in self.models]}


def compare_batches(before: Index, after: Index) -> BatchComparison:
    """Return what became of each model from one run of a batch to another.

    Args:
        before: The earlier run.
        after: The later one.
    """
    old = {one.name: one for one in before.models}
    new = {one.name: one for one in after.models}
    names = dict.fromkeys((*old, *new))
    return BatchComparison(tuple(_change(name, old.get(name), new.get(name)) for name in names))


def _is_there(one: Outcome) -> bool:
    return one.status not in BAD and one.status != REFUSED


def _change(name: str, old: Optional[Outcome], new: Optional[Outcome]) -> ModelChange:
    if new is None:
        return ModelChange(name, LOST, ("is in the first run only",))
    if old is None:
        return ModelChange(name, NEW, ("is in the second run only",))
    if _is_there(old) is not _is_there(new):
        why = f"{old.status} before, {new.status} now"
        told = f"{why}: {new.reason}" if new.reason else why
        return ModelChange(name, BETTER if _is_there(new) else LOST, (told,))
    found = list(_moved(old, new))
    slower = _slower(old, new)
    for change in (WORSE, BETTER):
        reasons = tuple(why for kind, why in found if kind == change)
        if reasons and not (change == BETTER and slower):
            return ModelChange(name, change, reasons)
    better = tuple(why for kind, why in found if kind == BETTER)
    return ModelChange(name, SLOWER, (*slower, *better)) if slower else ModelChange(name, SAME, ())


def _slower(old: Outcome, new: Outcome) -> Tuple[str, ...]:
    longer = new.seconds > max(SLOW * old.seconds, old.seconds + SLOW_SECONDS)
    return (f"took {old.seconds:.1f} s, now {new.seconds:.1f} s",) if longer else ()


def _moved(old: Outcome, new: Outcome) -> Iterator[Tuple[str, str]]:
    if old.status != new.status:
        worse = new.status in BAD or new.status in ("kept", "unjudged")
        yield WORSE if worse else BETTER, f"{old.status} before, {new.status} now"
    was, now = old.figures.get("quality"), new.figures.get("quality")
    if was in _GRADES and now in _GRADES and was != now:
        worse = _GRADES.index(now) > _GRADES.index(was)
        yield WORSE if worse else BETTER, f"quality {was} before, {now} now"
    yield from _number("error", old.figures.get("error"), new.figures.get("error"), 1)
    for cost in ("params", "macs", "bytes"):
        left = [one.figures.get("after", {}).get(cost) for one in (old, new)]
        yield from _number(f"{cost} left", left[0], left[1], 1)
    yield from _outputs(old.figures.get("outputs", ()), new.figures.get("outputs", ()))


_GRADES = tuple(grade for grade in ORDER if grade != "unjudged")


def _outputs(
    old: Sequence[Dict[str, Any]], new: Sequence[Dict[str, Any]]
) -> Iterator[Tuple[str, str]]:
    known = {(one["blob"], one["figure"]): one for one in old}
    for one in new:
        was = known.get((one["blob"], one["figure"]))
        if was is not None and one["good"] is not None and one["lost"] is not None:
            sign = 1 if one["good"] < one["lost"] else -1
            yield from _number(
                f"{one['figure']} of {one['blob']}", was["value"], one["value"], sign
            )


def _number(
    what: str, was: Optional[float], now: Optional[float], sign: int
) -> Iterator[Tuple[str, str]]:
    """What is to be told of a number; ``sign`` is 1 where less is better, else -1."""
    if was is None or now is None or abs(now - was) <= NOTABLE * max(abs(was), abs(now)):
        return
    yield WORSE if sign * (now - was) > 0 else BETTER, f"{what} {was:.4g} before, {now:.4g} now"
