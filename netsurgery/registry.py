"""Named things that are added by one new file: methods, engines, and those of other packages."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Callable, Generic, Iterable, Mapping, Optional, Type, TypeVar

from netsurgery.errors import PlanError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Generic[T]):
    """The modules of one room and the plugins of one entry point group, by name.

    A thing whose module is called like it, but for capitals and underscores, is imported alone;
    the others, and plugins, when something is asked for that is none of these.

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
        if name not in self._known and not self._loaded:
            self._load_home(name)
        if name not in self._known:
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
        found = self.get(name)
        if found is None:
            why = f" (its plugin failed: {self.failed[name]})" if name in self.failed else ""
            raise PlanError(
                f"there is no {noun} {name!r}{why}",
                remedy=f"choose among {', '.join(sorted(self.all()))}",
            )
        return found

    def _load(self) -> None:
        """Import the room and the plugins, once; another thread waits until that is done."""
        with self._loading:
            if not self._loaded:
                self._load_room()
                self._load_plugins()
                self._loaded = True

    @cached_property
    def _modules(self) -> Mapping[str, str]:
        """The modules of the room, each by what something would be called that is at home there."""
        found = pkgutil.iter_modules(importlib.import_module(self._room).__path__)
        names = (module.name for module in found if not module.name.endswith("_worker"))
        return {_plain(name): name for name in names}

    def _load_home(self, name: str) -> None:
        """Import the module that is called like something, if there is one."""
        with self._loading:
            module = self._modules.get(_plain(name))
            if module is not None:
                importlib.import_module(f"{self._room}.{module}")

    def _load_room(self) -> None:
        for module in self._modules.values():
            importlib.import_module(f"{self._room}.{module}")

    def _load_plugins(self) -> None:
        for entry in _entries(self._group):
            try:
                entry.load()
            except Exception as error:  # a broken plugin must not break the tool
                self.failed[entry.name] = f"{type(error).__name__}: {error}"


def _home(known: object) -> str:
    return f"{type(known).__module__}.{type(known).__qualname__}"


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _entries(group: str) -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points

    found: Any = entry_points()
    if hasattr(found, "select"):
        return found.select(group=group)
    return found.get(group, ())  # a plain dict before Python 3.10
