"""Which changes of a net fail a check, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, List

import click

if TYPE_CHECKING:
    from netsurgery.jobs import Bisection
    from netsurgery.methods import Edit


def print_bisection(found: Bisection) -> None:
    """Print what fails, why, and how many checks that took."""
    for line in bisection_lines(found):
        click.echo(line)


def bisection_lines(found: Bisection) -> List[str]:
    """Return the same as lines."""
    took = f"{found.checks} {'check' if found.checks == 1 else 'checks'}"
    if found.layer is not None:
        name = repr(found.layer)
        first = (
            f"layer {name}: no rank passes, not even {found.changes}"
            if found.rank is None
            else f"layer {name}: rank {found.rank} passes, the next smaller one does not"
            if found.rank > 1
            else f"layer {name}: rank 1 passes"
        )
        lines = [f"{first} ({took} of {found.changes} ranks)"]
    elif found.passed:
        lines = [f"the new net passes ({took})"]
    else:
        count = len(found.culprits)
        what = "this change fails" if count == 1 else f"these {count} changes fail together"
        lines = [f"{what}, of {found.changes} ({took}):"]
        for one in found.culprits:
            lines += [f"  {change}" for change in one.changes]
            lines += [f"  by the plan: {_told(edit)}" for edit in one.edits]
        lines += ["with nothing else changed:", *(f"  {reason}" for reason in found.reasons)][
            : 1 + len(found.reasons) if found.reasons else 0
        ]
    return [*lines, *(f"written {path}" for path in found.files)]


def _told(edit: Edit) -> str:
    options = ", ".join(f"{name} {value}" for name, value in edit.options.items())
    return f"{edit.method} of layer {edit.layer!r}" + (f", {options}" if options else "")
