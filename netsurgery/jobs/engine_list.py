"""What can run a model here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from netsurgery.engine import Probe, engines as known_engines


@dataclass(frozen=True)
class EngineList:
    """The engines there are, the preferred ones first. Truthy where one is usable.

    Attributes:
        probes: By name, whether it can be used here, and why not.
    """

    probes: Mapping[str, Probe]

    @property
    def usable(self) -> Tuple[str, ...]:
        """The names of those that can be used."""
        return tuple(name for name, probe in self.probes.items() if probe.usable)

    def __bool__(self) -> bool:
        return bool(self.usable)

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return {name: probe._asdict() for name, probe in self.probes.items()}


def engines() -> EngineList:
    """Ask every engine whether it can be used here, plugins too; each takes about a second."""
    return EngineList({engine.name: engine.probe() for engine in known_engines()})
