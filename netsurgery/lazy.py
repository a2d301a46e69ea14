"""The face of a room: what it offers to the others, each name imported when it is first asked for.

A room lists its names once, under ``if TYPE_CHECKING``, as readers and type checkers know it. A
room that imported all of its files would make every command wait for what it does not need.
"""

from __future__ import annotations

import ast
import importlib
import sys
from typing import Any, Callable, Iterator, List, Tuple

Face = Tuple[Callable[[str], Any], Callable[[], List[str]], List[str]]


def face(package: str) -> Face:
    """Return the ``__getattr__``, the ``__dir__`` and the ``__all__`` of a package.

    Args:
        package: Its ``__name__``. It offers what it imports under ``if TYPE_CHECKING``.
    """
    homes = dict(_offered(package))

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(homes[name]), name)
        setattr(sys.modules[package], name, found)  # the next time nobody asks here
        return found

    names = sorted(homes)
    return find, lambda: names, names


def _offered(package: str) -> Iterator[Tuple[str, str]]:
    """Each name that a package offers, with the module that holds it."""
    spec = sys.modules[package].__spec__
    source = spec.loader.get_source(package) if spec and spec.loader else ""  # type: ignore[attr-defined]
    for statement in ast.parse(source or "").body:
        if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Name):
            continue
        for one in statement.body if statement.test.id == "TYPE_CHECKING" else ():
            if isinstance(one, ast.ImportFrom) and one.module:
                yield from ((name.name, one.module) for name in one.names)
