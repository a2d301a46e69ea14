"""Which layers of a prototxt Caffe builds: phase, level and stages against include and exclude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, FrozenSet, Iterable

from netsurgery.errors import NetworkError

PHASES = {"TRAIN": 0, "TEST": 1}


@dataclass(frozen=True)
class State:
    """What ``NetState`` holds when Caffe filters a network.

    Attributes:
        phase: ``"TRAIN"`` or ``"TEST"``.
        level: Compared with ``min_level`` and ``max_level`` of a rule.
        stages: Names that a rule's ``stage`` and ``not_stage`` ask for.
    """

    phase: str = "TEST"
    level: int = 0
    stages: FrozenSet[str] = frozenset()

    @classmethod
    def of(cls, phase: str, level: int = 0, stages: Iterable[str] = (), net: Any = None) -> State:
        """Combine the arguments of ``caffe.Net`` with the prototxt's own ``state``.

        As pycaffe does: phase and level of the arguments win, the stages are added up.

        Args:
            phase: ``"TRAIN"`` or ``"TEST"``.
            level: The level.
            stages: Stages asked for.
            net: The prototxt's ``NetState`` message, or None.

        Raises:
            NetworkError: No such phase.
        """
        if phase not in PHASES:
            raise NetworkError(f"unknown phase {phase!r}", remedy="say TRAIN or TEST")
        own = () if net is None else net.stage
        return cls(phase, level, frozenset(own) | frozenset(stages))

    def meets(self, rule: Any) -> bool:
        """Whether this state satisfies every condition of a ``NetStateRule`` message."""
        return (
            (not rule.HasField("phase") or rule.phase == PHASES[self.phase])
            and (not rule.HasField("min_level") or self.level >= rule.min_level)
            and (not rule.HasField("max_level") or self.level <= rule.max_level)
            and self.stages.issuperset(rule.stage)
            and self.stages.isdisjoint(rule.not_stage)
        )

    def includes(self, parameter: Any) -> bool:
        """Whether Caffe would build this ``LayerParameter``: any include, or no exclude, met."""
        if parameter.include:
            return any(self.meets(rule) for rule in parameter.include)
        return not any(self.meets(rule) for rule in parameter.exclude)
