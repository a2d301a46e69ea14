"""The models of a batch, as a table."""

from __future__ import annotations

import os

from netsurgery.report.cache import size
from netsurgery.report.console import print_table, print_text
from netsurgery.zoo import ModelBatch


def print_batch(found: ModelBatch) -> None:
    """Print a row for each model, and below them what was left out and why."""
    source = found.source if found.source.is_dir() else found.source.parent
    rows = [
        (
            entry.name,
            _seen_from(str(entry.prototxt), str(source)),
            _seen_from(str(entry.weights), str(source)),
            size(entry.weights.stat().st_size) if entry.weights.is_file() else "",
        )
        for entry in found.entries
    ]
    if rows:
        print_table(("model", "prototxt", "weights", ">size"), rows)
    for one in found.skipped:
        print_text(f"left out: {_seen_from(str(one.path), str(source))}: {one.reason}")
    many = len(found.entries)
    print_text(f"{many} model{'s' * (many != 1)} in {found.source}; {len(found.skipped)} left out")


def _seen_from(path: str, folder: str) -> str:
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return path
