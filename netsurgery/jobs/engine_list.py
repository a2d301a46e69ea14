"""What can run a model here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from netsurgery.engine import Capability, Engine, Probe, engines as known_engines
from netsurgery.validation import validated


@dataclass(frozen=True)
class EngineList:
    """The engines there are, the preferred ones first. Truthy where one is usable.

    Attributes:
        engines: By name, the engines: what each can do, and on which device it runs.
        probes: By name, whether it can be used here, and why not.
    """

    engines: Mapping[str, Engine]
    probes: Mapping[str, Probe]

    @property
    def usable(self) -> Tuple[str, ...]:
        """The names of those that can be used."""
        return tuple(name for name, probe in self.probes.items() if probe.usable)

    def capabilities(self, name: str) -> Tuple[str, ...]:
        """Return what an engine can do, in words; see `netsurgery.engine.Capability`."""
        return tuple(str(one) for one in Capability if self.engines[name].can(one))

    def __bool__(self) -> bool:
        return bool(self.usable)

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return {
            name: {
                **probe._asdict(),
                "device": self.engines[name].device,
                "capabilities": list(self.capabilities(name)),
            }
            for name, probe in self.probes.items()
        }


@validated
def engines() -> EngineList:
    """Ask every engine whether it can be used here, plugins too; each takes about a second."""
    known = {engine.name: engine for engine in known_engines()}
    return EngineList(known, {name: engine.probe() for name, engine in known.items()})
