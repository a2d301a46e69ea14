"""Let a script go on in the checkout's own environments, whatever Python it was started with."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parent / "environment"
CAFFE = "NETSURGERY_CAFFE_PYTHON"


def go_on_inside() -> None:
    """Start the script anew in the environment that has netsurgery, where this one has not.

    That of real Caffe is made, too, where none is named. Both are made once: minutes, and
    megabytes. Does not return where the script is started anew.
    """
    if importlib.util.find_spec("netsurgery"):
        return
    os.environ.setdefault(CAFFE, _python_of("caffe"))
    python = _python_of("develop")
    os.execv(python, [python, *sys.argv])


def _python_of(environment: str) -> str:
    command = [sys.executable, str(ENVIRONMENT), environment]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
