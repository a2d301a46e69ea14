"""Scripts that need netsurgery go on in the environment that has it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("script", ["benchmark", "breakages", "results"])
def test_a_python_without_netsurgery_is_enough(script):
    # -S: no site-packages, so that this interpreter has no netsurgery either.
    command = [sys.executable, "-S", str(ROOT / "scripts" / script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"usage: {script}" in done.stdout
