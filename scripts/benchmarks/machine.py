"""The machine that figures come from."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np

IDLE = 0.3
"""Load average up to which nothing else is said to run."""


def describe() -> str:
    """Return what figures depend on beside the code, in a line."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = f"Python {platform.python_version()}, numpy {np.__version__}"
    return f"{os.cpu_count()} cores of {processor()}{load}; {python}."


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def fingerprint() -> str:
    """Return what tells this machine from others, whatever runs on it."""
    python = platform.python_version()
    return f"{platform.node()}, {os.cpu_count()} x {processor()}, {python}, numpy {np.__version__}"


def warning() -> str:
    """Return what to say where something else runs; ``""`` where nothing does."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= IDLE:
        return ""
    return f"the load average is {load:.1f}: times of a machine that does other things say little"
