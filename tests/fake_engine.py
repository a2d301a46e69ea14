"""An engine for tests of who is chosen: it knows which layers it can run, and runs nothing."""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Sequence

from netsurgery.engine import Capability, Engine, Probe
from netsurgery.errors import EngineError
from netsurgery.network import Foreign, Network


class FakeEngine(Engine):
    """Says what it is told to say."""

    def __init__(
        self,
        name: str,
        *missing: str,
        usable: bool = True,
        can: Sequence[Capability] = (),
        drops: Sequence[Any] = (),
        installation: str = "",
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.capabilities = frozenset((Capability.FORWARD, *can))
        self.installation = installation
        self._missing, self._usable, self._drops = missing, usable, drops

    def probe(self) -> Probe:
        return Probe(self._usable, "1", reason="" if self._usable else "not installed")

    def unsupported(self, types: Iterable[str]) -> List[str]:
        return [name for name in types if name in self._missing]

    def unheeded(self, network: Network) -> Sequence[Foreign]:
        return self._drops

    def open(self, prototxt: Any, weights: Optional[Any] = None, *, phase: str = "TEST") -> Any:
        raise EngineError("cannot", file=prototxt, line=3)
