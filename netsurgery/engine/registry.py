"""The engines there are: those of this room, and those that other packages add.

An engine of another package is a subclass of Engine with ``@register_engine``, in a module
that an entry point of the group ``netsurgery.engines`` names.
"""

from __future__ import annotations

from typing import Any, FrozenSet, Iterable, List, Optional, Type, TypeVar

from netsurgery.engine.base import Engine, Probe
from netsurgery.engine.capabilities import Capability
from netsurgery.engine.session import PathLike, Session
from netsurgery.errors import EngineError
from netsurgery.registry import Registry

EngineType = TypeVar("EngineType", bound=Engine)

_ENGINES: Registry[Engine] = Registry("netsurgery.engine", "netsurgery.engines")


def register_engine(kind: Type[EngineType]) -> Type[EngineType]:
    """Make an engine class known under its ``name``; it is made without arguments."""
    _ENGINES.register(kind.name)(kind)
    return kind


def engines() -> List[Engine]:
    """Return every engine, usable or not, the preferred ones first.

    A plugin that did not load is among them, and says so when probed.
    """
    known = sorted(_ENGINES.all().values(), key=lambda engine: (engine.preference, engine.name))
    return known + [_Broken(name, error) for name, error in sorted(_ENGINES.failed.items())]


def engine(name: str, **options: Any) -> Engine:
    """Return the engine called ``name``.

    Args:
        name: ``"caffe"``, ``"opencv"`` or a plugin's.
        options: What its class takes, for example ``python`` and ``pythonpath`` for caffe.

    Raises:
        EngineError: There is none of that name, or it takes no such option.
    """
    known = {engine.name: engine for engine in engines()}
    if name not in known:
        raise EngineError(
            f"there is no engine {name!r}", remedy=f"choose among {', '.join(sorted(known))}"
        )
    if not options:
        return known[name]
    try:
        return type(known[name])(**options)
    except TypeError as error:
        raise EngineError(f"engine {name!r}: {error}") from None


class _Broken(Engine):
    """Stands in the list for a plugin that did not load."""

    capabilities: FrozenSet[Capability] = frozenset()

    def __init__(self, name: str, error: str) -> None:
        self.name = name
        self._error = error

    def probe(self) -> Probe:
        return Probe(False, reason=self._error, remedy="repair or remove the package it is in")

    def unsupported(self, types: Iterable[str]) -> List[str]:
        return list(types)

    def open(
        self, prototxt: PathLike, weights: Optional[PathLike] = None, *, phase: str = "TEST"
    ) -> Session:
        raise EngineError(f"engine {self.name!r} did not load: {self._error}")
