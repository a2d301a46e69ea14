"""The README names every command; what it shows is held to what is printed in tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_is_in_the_readme() -> None:
    table = README.split("| command | does |")[1].split("\n\n")[0]
    files = {path.stem for path in (ROOT / "netsurgery" / "cli").glob("[a-z]*.py")}
    assert all(f"`{name}" in table for name in files)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    """Those of docs/ are seen to by what builds the site."""
    links = re.findall(r"\]\(([^):#\s]+)[^):\s]*\)", (ROOT / page).read_text(encoding="utf-8"))
    assert links or page != "README.md"
    assert [link for link in links if not (ROOT / link).exists()] == []
