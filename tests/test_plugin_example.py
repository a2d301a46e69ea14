"""The plugin of the examples is built, installed and tested as its reader would do it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_plugin_is_installed_and_keeps_the_contracts(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="61")
    source, site = tmp_path / "plugin", tmp_path / "site"
    shutil.copytree(ROOT / "examples" / "plugin", source)  # a build leaves files behind
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline]
    done = subprocess.run([*pip, "--target", site, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    pytest_run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", source / "tests"]
    done = subprocess.run(pytest_run, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    listed = subprocess.run(
        [sys.executable, "-m", "netsurgery", "engines"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert "numpy" in listed.stdout, listed.stdout + listed.stderr
