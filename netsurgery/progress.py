"""Whom long work tells what it is about."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told, again and again, what is going on: any function of one text will do.

    A step that is one of several says so: ``"fc6, 3 of 12 layers"``, ``"64 of 300 inputs"``.
    """

    def __call__(self, step: str, /) -> None:
        """Take in what is begun."""


def silent(step: str) -> None:
    """Tell nobody: the `Progress` of whoever asks for none."""
