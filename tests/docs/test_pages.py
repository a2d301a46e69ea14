"""What pages of docs/ take from the code is there; the rest, links among them, Sphinx sees to."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FROM_CODE = re.compile(
    r"^\.\. auto(?:class|function|module):: (\S+)(?:\n   :members: (.+))?$", re.M
)
INCLUDED = re.compile(r"^```\{(?:literal)?include\} (\S+)\n((?::.*\n)*)", re.M)


def resolve(name: str) -> object:
    """Return what a dotted name stands for."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def documented() -> Iterator[Tuple[str, str]]:
    for page in PAGES:
        for name, members in FROM_CODE.findall(page.read_text(encoding="utf-8")):
            yield str(page.relative_to(DOCS)), name
            for member in filter(None, members.split(",")):
                yield str(page.relative_to(DOCS)), f"{name}.{member.strip()}"


def included() -> List[Tuple[Path, str, str]]:
    return [
        (page, file, options)
        for page in PAGES
        for file, options in INCLUDED.findall(page.read_text(encoding="utf-8"))
    ]


def test_what_is_documented_is_there() -> None:
    missing = []
    for page, name in documented():
        try:
            assert resolve(name).__doc__
        except (ModuleNotFoundError, AttributeError, AssertionError):
            missing.append(f"{page}: {name}")
    assert not missing
    assert len(list(documented())) > 10


@pytest.mark.parametrize(("page", "file", "options"), included())
def test_what_is_included_is_there(page: Path, file: str, options: str) -> None:
    text = (page.parent / file).read_text(encoding="utf-8")
    for option, wanted in re.findall(r"^:(pyobject|start-at|end-before): (.+)$", options, re.M):
        pattern = rf"^\s*(class|def) {wanted}\b" if option == "pyobject" else re.escape(wanted)
        assert re.search(pattern, text, re.M), f"{file} has no {wanted}"


def test_every_page_is_in_the_index() -> None:
    listed = re.findall(r"^(?:.*<)?([\w/-]+)>?$", (DOCS / "index.md").read_text("utf-8"), re.M)
    pages = {str(page.relative_to(DOCS).with_suffix("")) for page in PAGES}
    assert pages - {"index"} <= set(listed)
