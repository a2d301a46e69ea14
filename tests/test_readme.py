"""The README shows real output: its commands are run and compared."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
NUMBER = re.compile(r"^-?[\d,]*\.?\d+(e[+-]?\d+)?%?$")


def commands() -> list[tuple[str, str]]:
    """Each command that the README shows, with its output."""
    parts = [part for session in SESSIONS for part in session.split("$ ")[1:]]
    return [tuple(part.split("\n", 1)) for part in parts]  # type: ignore[misc]


def same(shown: str, real: str) -> bool:
    """Whether a word is the same; float noise and BLAS may move a number's last digits."""
    if not (NUMBER.match(shown) and NUMBER.match(real)):
        return shown == real
    a, b = (float(word.replace(",", "").rstrip("%")) for word in (shown, real))
    return math.isclose(a, b, rel_tol=0.02) or max(abs(a), abs(b)) < 1e-4


def words(text: str) -> list[str]:
    return [word.strip("();") for word in text.split()]


@pytest.mark.parametrize(("command", "output"), commands())
def test_the_readme_shows_real_output(
    command: str, output: str, tmp_path: Path, caffe_python: str
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    arguments = shlex.split(command)
    assert arguments[0] == "netsurgery"
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shown, real = words(output), words(done.stdout)
    differences = [pair for pair in zip(shown, real) if not same(*pair)]
    assert not differences
    assert len(shown) == len(real)


def test_the_readme_shows_something() -> None:
    assert commands()


def test_every_command_is_in_the_readme() -> None:
    table = README.split("| command | does |")[1].split("\n\n")[0]
    files = {path.stem for path in (ROOT / "netsurgery" / "cli").glob("[a-z]*.py")}
    assert all(f"`{name}" in table for name in files)
