"""Where the time of a job went, as a table."""

from __future__ import annotations

from netsurgery.progress import Timing
from netsurgery.report.console import count, print_table, share


def print_timings(timing: Timing) -> None:
    """Print on standard error how long each task took, two levels deep, and what was counted."""
    rows = [
        (
            f"{'  ' * (len(path) - 1)}{path[-1]}",
            *_cells(one, timing.seconds),
            ", ".join(f"{count(number)} {what}" for what, number in one.counts.items()),
        )
        for path, one in timing.rows()
    ]
    rows.append(("all", *_cells(timing, timing.seconds), ""))
    print_table(
        ("task", ">times", ">seconds", ">of all", ">processor", "counted"),
        rows,
        title="Where the time went",
        err=True,
    )


def _cells(timing: Timing, whole: float) -> tuple[str, str, str, str]:
    return (
        count(timing.times),
        f"{timing.seconds:.2f}",
        share(timing.seconds, whole),
        f"{timing.processor:.2f}",
    )
