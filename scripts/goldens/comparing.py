"""Hold what two trees wrote against each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator, List

# Versions tell of the tree, not of what it did.
OF_THE_TREE = {"versions"}
ABSENT = object()


def compare(old: Path, new: Path, reports: bool = True) -> List[str]:
    """Every difference between two folders, a line each; none if they are equal.

    Args:
        old: What the other revision wrote.
        new: What this tree wrote.
        reports: Also compare JSON, value by value; all else is compared byte by byte.
    """
    return [
        fault
        for name in sorted(names_in(old) | names_in(new))
        if reports or not name.endswith(".json")
        for fault in differences(name, old / name, new / name)
    ]


def names_in(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def differences(name: str, old: Path, new: Path) -> Iterator[str]:
    if not new.is_file():
        yield f"{name}: no longer written"
    elif not old.is_file():
        yield f"{name}: new"
    elif name.endswith(".json"):
        before, after = (json.loads(file.read_text()) for file in (old, new))
        yield from (f"{name}: {fault}" for fault in values_apart(before, after))
    elif old.read_bytes() != new.read_bytes():
        yield f"{name}: {first_difference(old.read_bytes(), new.read_bytes())}"


def first_difference(old: bytes, new: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
    sizes = f"{len(old)} bytes" if len(old) == len(new) else f"{len(old)} and {len(new)} bytes"
    line = old.count(b"\n", 0, at) + 1
    where = f"line {line}" if b"\0" not in old else f"byte {at}"
    return f"differs from {where} on ({sizes})"


def values_apart(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Where two JSON values differ, by path."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in OF_THE_TREE:
                inner = f"{path}.{key}" if path else key
                yield from values_apart(old.get(key, ABSENT), new.get(key, ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new)):
            yield from values_apart(*pair, f"{path}[{number}]")
    elif type(old) is not type(new) or old != new:
        yield f"{path or 'the whole'} {told(old)} -> {told(new)}"


def told(value: Any) -> str:
    if value is ABSENT:
        return "(absent)"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
