"""Named things that are added by one new file: methods, engines, and those of other packages."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Callable, Generic, Iterable, Optional, Type, TypeVar

from netsurgery.errors import PlanError

T = TypeVar("T")


class Registry(Generic[T]):
    """The modules of one room and the plugins of one entry point group, by name.

    Attributes:
        failed: The plugins that did not load, each with its error.
    """

    def __init__(self, room: str, group: str) -> None:
        """Remember where to look; nothing is imported before the first question.

        Args:
            room: The package whose modules register themselves, ``"netsurgery.methods"``.
            group: The entry point group through which other packages add to it.
        """
        self._room = room
        self._group = group
        self._known: dict[str, T] = {}
        self._loaded = False
        self._loading = threading.RLock()
        self.failed: dict[str, str] = {}

    def register(self, *names: str) -> Callable[[Type[T]], Type[T]]:
        """Return a class decorator that makes one instance of the class known as ``names``.

        Raises:
            ValueError: (The decorator.) Something else is known under one of the names.
        """

        def decorate(kind: Type[T]) -> Type[T]:
            for name in names:
                if name in self._known:
                    raise ValueError(f"{name!r} is the name of {_home(self._known[name])} already")
            self._known.update(dict.fromkeys(names, kind()))
            return kind

        return decorate

    def all(self) -> dict[str, T]:
        """Return everything that could be loaded, by name."""
        self._load()
        return dict(self._known)

    def get(self, name: str) -> Optional[T]:
        """Return what is called ``name``, or None."""
        if not self._loaded:
            self._load()
        return self._known.get(name)

    def find(self, noun: str, name: str) -> T:
        """Return what is called ``name``.

        Args:
            noun: What such a thing is called in messages.
            name: Its name.

        Raises:
            PlanError: There is none; the text lists those there are.
        """
        known = self.all()
        if name not in known:
            why = f" (its plugin failed: {self.failed[name]})" if name in self.failed else ""
            raise PlanError(
                f"there is no {noun} {name!r}{why}",
                remedy=f"choose among {', '.join(sorted(known))}",
            )
        return known[name]

    def _load(self) -> None:
        """Import the room and the plugins, once; another thread waits until that is done."""
        with self._loading:
            if not self._loaded:
                self._load_room()
                self._load_plugins()
                self._loaded = True

    def _load_room(self) -> None:
        package = importlib.import_module(self._room)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.endswith("_worker"):
                importlib.import_module(f"{self._room}.{module.name}")

    def _load_plugins(self) -> None:
        for entry in _entries(self._group):
            try:
                entry.load()
            except Exception as error:  # a broken plugin must not break the tool
                self.failed[entry.name] = f"{type(error).__name__}: {error}"


def _home(known: object) -> str:
    return f"{type(known).__module__}.{type(known).__qualname__}"


def _entries(group: str) -> Iterable[EntryPoint]:
    found: Any = entry_points()
    if hasattr(found, "select"):
        return found.select(group=group)
    return found.get(group, ())  # a plain dict before Python 3.10
