"""What is kept for later jobs, as a table."""

from __future__ import annotations

import time
from typing import Dict, List

from netsurgery.jobs import Cache
from netsurgery.measurements import StoredFile
from netsurgery.report.console import print_table, print_text

_DAY = 24 * 3600.0


def print_cache(found: Cache) -> None:
    """Print a row for each model on each inputs, the longest not used first, and the sum."""
    alike: Dict[str, List[StoredFile]] = {}
    for one in found.entries:
        alike.setdefault(one.what or one.path.name, []).append(one)
    rows = [
        (what, str(len(ones)), size(sum(one.bytes for one in ones)), _ago(ones[-1].used))
        for what, ones in alike.items()
    ]
    if rows:
        print_table(("kept of", ">files", ">size", ">last used"), rows)
    print_text(f"{size(found.size)} in {found.folder}")


def size(number: int) -> str:
    """Return bytes as ``120 MB``."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if number >= 10**power:
            return f"{number / 10**power:.3g} {unit}"
    return f"{number} B"


def _ago(used: float) -> str:
    days = (time.time() - used) / _DAY
    if days < 1:
        return "today"
    return f"{days:.0f} day{'s' if round(days) > 1 else ''} ago"
