"""The figures of one build, and who measures each."""

from __future__ import annotations

import importlib

from benchmarks.setting import Figure, Setting

FIGURES = (
    *("fc", "rewrite", "forward", "somp", "tucker", "convolutions"),
    *("zoo_times", "zoo_latency"),
)
OF_THE_MODEL = tuple(name for name in FIGURES if not name.startswith("zoo_"))


def measured(name: str, setting: Setting) -> Figure:
    """Return the figure of that name."""
    figure: Figure = importlib.import_module(f"benchmarks.{name}").measure(setting)
    return figure
