"""Whatever the pages call by its name is there: files, folders, and names of the code."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Iterator, Set, Tuple

import pytest

from netsurgery.layers import layer_types

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "netsurgery"
PAGES = sorted(ROOT.glob("docs/**/*.md"))
HOUSE = ROOT / "docs" / "architecture.md"
# Of Caffe, of this package's builds, and of Python.
OTHERS = {"caffe_pb2.py", "classify.py", "dist/", "Any", "TypedDict", "string.Template"}
OTHERS |= {"compress_net.py", "google.protobuf", "netsurgery.json"}
FILE = re.compile(r"[\w./-]+(\.py|/)")
DOTTED = re.compile(r"(ns|netsurgery)(\.\w+)+")
NAME = re.compile(r"[A-Z]\w*[a-z]\w*(\.\w+)?|\w+\.[a-z]\w+|[a-z_.]+(?=\()")
SUFFIX = re.compile(r".*\.(prototxt|caffemodel|npz|h5|yaml|toml|json)")


def named(page: Path) -> Iterator[str]:
    """What stands between backticks, without blocks of code, and without arguments."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    yield from dict.fromkeys(re.findall(r"`([^`\n]+)`", text))


def cases(pattern: re.Pattern, pages: Tuple[Path, ...]) -> list:
    found = [
        (page, match[0])
        for page in pages
        for name in named(page)
        for match in [pattern.match(name)]
        if match and (match[0] == name or name[match.end()] == "(") and name not in OTHERS
    ]
    return [pytest.param(name, id=f"{page.name}-{name}") for page, name in found]


def defined() -> Set[str]:
    """Every class, function, field and constant of the package; ``Class.member`` too."""
    names: Set[str] = set(layer_types())
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names.update(f"{node.name}.{one}" for one in members(node))
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names.update(one.id for one in targets if isinstance(one, ast.Name))
    return names


def members(owner: ast.ClassDef) -> Iterator[str]:
    for node in owner.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


DEFINED = defined()


@pytest.mark.parametrize("name", cases(FILE, tuple(PAGES)))
def test_files_and_folders_are_there(name: str) -> None:
    there = any((base / name).exists() for base in (ROOT, PACKAGE, ROOT / "docs"))
    assert there or next(PACKAGE.rglob(name), None), f"there is no {name}"


@pytest.mark.parametrize("name", cases(DOTTED, tuple(PAGES)))
def test_dotted_names_are_there(name: str) -> None:
    if f'entry-points."{name}"' in "".join(page.read_text(encoding="utf-8") for page in PAGES):
        return  # The name of a group, under which packages of others name their modules.
    first, *rest = name.split(".")
    found = importlib.import_module("netsurgery")
    assert first in ("ns", "netsurgery")
    for number, part in enumerate(rest, 1):
        if not hasattr(found, part):
            importlib.import_module(".".join(["netsurgery", *rest[:number]]))
        found = getattr(found, part)


@pytest.mark.parametrize("name", cases(NAME, (HOUSE,)))
def test_the_house_is_told_in_the_names_of_the_code(name: str) -> None:
    last = name.rsplit(".", 1)[-1]
    known = name in DEFINED or (last in DEFINED and not name[0].isupper())
    otherwise = any(kind.fullmatch(name) for kind in (FILE, DOTTED, SUFFIX))
    assert known or otherwise, f"nothing is called {name}"
