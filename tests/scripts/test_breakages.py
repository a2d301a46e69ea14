"""scripts/breakages sees all that it breaks, and says so when something is not seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "breakages"


def test_all_breakages_are_seen(zoo: Path) -> None:
    run = [sys.executable, str(SCRIPT), str(zoo), "--each", "9"]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "27 of 27 breakages seen"


def test_no_models(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "has no lenet_ethereon" in done.stderr
