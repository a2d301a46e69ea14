"""The README names every command; what it shows is held to what is printed in tests/docs."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_is_in_the_readme() -> None:
    table = README.split("| command | does |")[1].split("\n\n")[0]
    files = {path.stem for path in (ROOT / "netsurgery" / "cli").glob("[a-z]*.py")}
    assert all(f"`{name}" in table for name in files)
